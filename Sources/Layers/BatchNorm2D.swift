import Autograd
import Kernels
import Tensors

/// Normalises each channel over the batch and all pixels; matches `torch.nn.BatchNorm2d`.
///
/// In training the statistics are those of the shard of the batch at hand; they are recorded in the gradient block, and
/// the running statistics take the average over the whole batch once the step is done.
///
/// - Shapes: any with channels last; weight, bias, running_mean and running_var `[channels]`.
/// - Source: Ioffe and Szegedy 2015.
public struct BatchNorm2D: Layer {
    /// The layer's name in the model.
    public let path: String
    let weight: Parameter
    let bias: Parameter
    let runningMean: BufferHandle
    let runningVariance: BufferHandle
    let channels: Int
    let epsilon: Float

    /// Makes the layer that `builder` stands for, with PyTorch's names and initial values.
    public init(_ builder: ParameterBuilder, channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1) {
        path = builder.path
        self.channels = channels
        self.epsilon = epsilon
        weight = builder.parameter("weight", [channels], Constant(1))
        bias = builder.parameter("bias", [channels], Constant(0))
        runningMean = builder.buffer("running_mean", [channels], initial: 0, momentum: momentum)
        runningVariance = builder.buffer("running_var", [channels], initial: 1, momentum: momentum)
        builder.counter("num_batches_tracked")
    }

    /// The same image.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard let last = sample.dimensions.last, last == channels else {
            throw ShapeError(path: path, expected: "\(channels) channels", found: sample)
        }
        return sample
    }

    /// Normalises the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let tape = context.tape
        let inputs = [input, tape.parameter(weight), tape.parameter(bias)]
        let mean = tape.arena.buffers[runningMean.index]
        let variance = tape.arena.buffers[runningVariance.index]
        if context.mode == .evaluation {
            let values = tape.arena.values
            let running = RunningStatistics(
                mean: Array(UnsafeBufferPointer(start: values + mean.range.lowerBound, count: channels)),
                variance: Array(UnsafeBufferPointer(start: values + variance.range.lowerBound, count: channels)))
            return tape.apply(Normalization(epsilon: epsilon, running: running, record: nil), to: inputs)
        }
        let samples = input.value.shape[0] / context.rowsPerSample
        let block = tape.block
        let record = Normalization.Record { batchMean, batchVariance in
            block?.record(batchMean, samples: samples, for: mean)
            block?.record(batchVariance, samples: samples, for: variance)
        }
        return tape.apply(Normalization(epsilon: epsilon, running: nil, record: record), to: inputs)
    }
}

/// What evaluation normalises with.
struct RunningStatistics: Sendable {
    let mean: [Float]
    let variance: [Float]
}
