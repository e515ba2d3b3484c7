import Autograd
import Kernels
import Tensors

/// In training, zeroes each channel of each sample with a given probability and scales the others up; matches
/// `torch.nn.Dropout2d` for images and `torch.nn.Dropout3d` for clips.
///
/// - Determinism: as ``Dropout``.
/// - Source: Tompson and others 2015.
public struct Dropout2D: Layer {
    /// The layer's name in the model.
    public let path: String
    let probability: Float

    /// Makes the layer that `builder` stands for.
    ///
    /// - Precondition: `probability` is in [0, 1).
    public init(_ builder: ParameterBuilder, probability: Float) {
        precondition((0..<1).contains(probability), "a dropout probability is in [0, 1)")
        path = builder.path
        self.probability = probability
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Drops channels in training, passes in evaluation.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard context.mode == .training, probability > 0 else { return input }
        let mask = ChannelMask(probability: probability, position: context.nextStream().position)
        return context.tape.apply(mask, to: [input])
    }
}

/// Keeps channel `c` of sample `n` when number `n · C + c` of the stream says so.
struct ChannelMask: Operation {
    let probability: Float
    let position: UInt64

    /// Saves the factor of each channel of each sample.
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Tensor) {
        let shape = inputs[0].shape
        let channels = Shape([shape[0], shape[shape.rank - 1]])
        let ones = engine.tensor(channels) { $0.update(repeating: 1, count: channels.count) }
        let factors = Mask(probability: probability, position: position).forward([ones], engine).output
        let output = engine.tensor(shape) { apply(factors, to: inputs[0], $0, false, engine) }
        return (output, factors)
    }

    func backward(_ gradient: Tensor, _ factors: Tensor, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in apply(factors, to: gradient, dx, adds, engine) }
    }

    private func apply(
        _ factors: Tensor, to x: Tensor, _ y: UnsafeMutablePointer<Float>, _ adds: Bool, _ engine: Engine
    ) {
        let (samples, channels) = (factors.shape[0], factors.shape[1])
        let count = x.count / max(samples, 1)
        x.withElements { x in
            factors.withElements { factors in
                let (x, y, factors) = (SharedSource(x), SharedPointer(y), SharedSource(factors))
                engine.run(samples) { sample in
                    engine.kernels.rows.scale(
                        x.base + sample * count, factors.base + sample * channels, y.base + sample * count,
                        count / max(channels, 1), channels, adds)
                }
            }
        }
    }
}
