import Autograd
import Kernels
import Tensors

/// Scales gradients so that their global norm stays within a bound; matches `torch.nn.utils.clip_grad_norm_`.
public struct GradientClipping: Sendable {
    let maximumNorm: Float

    /// Bounds the norm of the mean gradient.
    public init(maximumNorm: Float) { self.maximumNorm = maximumNorm }

    /// The factor for gradients that are `scale` times the sums in `block`: at most 1.
    ///
    /// - Determinism: sums in double precision in the order of the parameters.
    public func factor(_ block: GradientBlock, scale: Float, _ engine: Engine) -> Float {
        let squares = engine.kernels.elementwise.sumOfSquares(
            block.base + block.parameterRange.lowerBound, block.parameterRange.count)
        let norm = Float(squares.squareRoot()) * scale
        let factor = maximumNorm / (norm + 1e-6)
        // Not `min`: what is not a number must stay so, as in PyTorch.
        return factor < 1 || factor.isNaN ? factor : 1
    }
}
