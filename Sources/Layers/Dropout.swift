import Autograd
import Kernels
import Tensors

/// In training, zeroes elements or whole channels with a given probability and scales the others up; matches
/// `torch.nn.Dropout` and, for channels, `torch.nn.Dropout2d` and `Dropout3d`.
///
/// - Determinism: which elements are dropped is a function of the pass's seed and stream path, whatever the number of
///   threads; backward draws the same numbers again instead of keeping a mask.
/// - Source: Srivastava and others 2014; for channels Tompson and others 2015.
public struct Dropout: Layer {
    /// What is dropped or kept as a whole.
    public enum Unit: Sendable {
        /// Each element for itself.
        case elements
        /// A channel of a sample, in all of its pixels.
        case channels
    }

    /// The layer's name in the model.
    public let path: String
    let probability: Float
    let unit: Unit

    /// Makes the layer that `builder` stands for.
    ///
    /// - Precondition: `probability` is in [0, 1).
    public init(_ builder: ParameterBuilder, probability: Float, of unit: Unit = .elements) {
        precondition((0..<1).contains(probability), "a dropout probability is in [0, 1)")
        path = builder.path
        self.probability = probability
        self.unit = unit
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Drops in training, passes in evaluation.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard context.mode == .training, probability > 0 else { return input }
        let mask = Mask(probability: probability, position: context.nextStream().position)
        return switch unit {
        case .elements: context.tape.apply(mask, to: [input])
        case .channels: context.tape.apply(ChannelMask(mask: mask), to: [input])
        }
    }
}

/// Keeps element `i` when number `i` of the stream says so.
struct Mask: Operation {
    let probability: Float
    let position: UInt64

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Void) {
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { apply($0, y, inputs[0].count, false, engine) }
        }
        return (output, ())
    }

    func backward(_ gradient: Tensor, _ saved: Void, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in
            gradient.withElements { apply($0, dx, gradient.count, adds, engine) }
        }
    }

    private func apply(
        _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        let threshold = UInt64(Double(probability) * 0x1p32)
        let factor = 1 / (1 - probability)
        let (x, y) = (SharedSource(x), SharedPointer(y))
        engine.split(count, grain: elementGrain) { part in
            let start = part.lowerBound
            engine.kernels.elementwise.dropout(
                x.base + start, y.base + start, part.count,
                position &+ UInt64(start) &* RandomStream.increment, threshold, factor, adds)
        }
    }
}
