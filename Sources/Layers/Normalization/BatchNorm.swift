import Autograd
import Kernels
import Tensors

/// Normalises each channel over the batch and all its pixels; matches `torch.nn.BatchNorm1d`, `BatchNorm2d` and
/// `BatchNorm3d`.
///
/// In training the statistics are those of the shard of the batch at hand; they are recorded in the gradient block, and
/// the running statistics take the average over the whole batch once the step is done.
///
/// - Shapes: any with channels last; weight, bias, running_mean and running_var `[channels]`.
/// - Source: Ioffe and Szegedy 2015.
public struct BatchNorm: Layer {
    /// The layer's name in the model.
    public let path: String
    /// Weight and bias, or nothing.
    let affine: [Parameter]
    let runningMean: BufferHandle
    let runningVariance: BufferHandle
    let channels: Int
    let epsilon: Float

    /// Makes the layer that `builder` stands for, with PyTorch's names and initial values; `affine` tells whether it has
    /// a weight and a bias, `momentum` is the weight of new statistics in the running ones.
    public init(
        _ builder: ParameterBuilder, channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1, affine: Bool = true
    ) {
        path = builder.path
        self.channels = channels
        self.epsilon = epsilon
        self.affine = affine ? builder.affine(channels: channels) : []
        runningMean = builder.buffer("running_mean", [channels], initial: 0, momentum: momentum)
        runningVariance = builder.buffer("running_var", [channels], initial: 1, momentum: momentum)
        builder.counter("num_batches_tracked")
    }

    /// Any shape of that many channels stays as it is.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        try sample.check(channels: channels, path: path)
        return sample
    }

    /// Normalises the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let tape = context.tape
        let inputs = [input] + affine.map(tape.parameter)
        let mean = tape.arena.buffers[runningMean.index]
        let variance = tape.arena.buffers[runningVariance.index]
        if context.mode == .evaluation {
            let values = tape.arena.values
            let running = RunningStatistics(
                mean: Array(UnsafeBufferPointer(start: values + mean.range.lowerBound, count: channels)),
                variance: Array(UnsafeBufferPointer(start: values + variance.range.lowerBound, count: channels)))
            return tape.apply(Normalization(epsilon: epsilon, running: running, record: nil), to: inputs)
        }
        let record = record(for: input, context)
        return tape.apply(Normalization(epsilon: epsilon, running: nil, record: record), to: inputs)
    }

    /// Takes the statistics of a batch in training.
    func record(for input: Variable, _ context: ForwardContext) -> Normalization.Record {
        let samples = input.value.shape[0] / context.rowsPerSample
        let block = context.tape.block
        let mean = context.tape.arena.buffers[runningMean.index]
        let variance = context.tape.arena.buffers[runningVariance.index]
        return Normalization.Record { batchMean, batchVariance in
            block?.record(batchMean, samples: samples, for: mean)
            block?.record(batchVariance, samples: samples, for: variance)
        }
    }
}

/// What evaluation normalises with.
struct RunningStatistics: Sendable {
    let mean: [Float]
    let variance: [Float]
}

extension ParameterBuilder {
    /// The weight and the bias that a normalisation begins with.
    func affine(channels: Int) -> [Parameter] {
        [parameter("weight", [channels], Constant(1)), parameter("bias", [channels], Constant(0))]
    }
}

extension Shape {
    /// Refuses samples of another number of channels.
    func check(channels: Int, path: String) throws(ShapeError) {
        guard dimensions.last == channels else {
            throw ShapeError(path: path, expected: "\(channels) channels", found: self)
        }
    }
}
