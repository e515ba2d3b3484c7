import Autograd
import Kernels
import Tensors

/// Bounds of the mean gradient: of its norm over all parameters, as `torch.nn.utils.clip_grad_norm_` does, then of each
/// element, as `clip_grad_value_` does.
public struct GradientClipping: Sendable {
    /// No bounds.
    public static let none = GradientClipping(maximumNorm: nil, maximumValue: nil)

    /// Elements that are squared and added at a time.
    private static let grain = 1 << 16

    let maximumNorm: Double?
    let maximumValue: Double?

    /// Bounds norm and elements; nil for no bound.
    public init(maximumNorm: Double?, maximumValue: Double?) {
        self.maximumNorm = maximumNorm
        self.maximumValue = maximumValue
    }

    /// What makes means of the sums in `block` and keeps them within the bounds.
    ///
    /// - Determinism: sums in double precision over parts of a fixed size, in the order of the parameters; the same bits
    ///   for any number of threads.
    public func scaling(_ block: GradientBlock, _ engine: Engine) -> GradientScaling {
        let mean = Double(block.meanFactor)
        var factor = 1.0
        if let maximumNorm {
            factor = maximumNorm / (norm(block, engine) * mean + 1e-6)
            // Not `min`: what is not a number must stay so, as in PyTorch.
            if factor >= 1 { factor = 1 }
        }
        return GradientScaling(factor: Float(mean * factor), bound: maximumValue.map { Float($0) } ?? .infinity)
    }

    /// The norm of the sums.
    private func norm(_ block: GradientBlock, _ engine: Engine) -> Double {
        let range = block.parameterRange
        let source = SharedSource(UnsafePointer(block.base + range.lowerBound))
        let sumOfSquares = engine.kernels.elementwise.sumOfSquares
        let squares = engine.results((range.count + Self.grain - 1) / Self.grain) { part in
            let start = part * Self.grain
            return sumOfSquares(source.base + start, min(Self.grain, range.count - start))
        }
        return squares.reduce(0, +).squareRoot()
    }
}
