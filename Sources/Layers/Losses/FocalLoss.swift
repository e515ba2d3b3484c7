import Configuration
import Foundation

/// α · (1 − p)^γ · c, where c is the cross-entropy of the target and p = exp(−c) its probability.
///
/// The mean divides by the number of samples. The gradient is the one that PyTorch's automatic differentiation finds
/// for this formula, also through p; where p rounds to 1 it is 0, the limit.
///
/// - Source: Lin et al. 2017, "Focal loss for dense object detection", with softmax in place of the sigmoid.
public struct FocalLoss: Loss {
    /// The name in the configuration.
    public static let name = "focal"

    /// A factor of the whole.
    public var alpha = 0.25
    /// How much less well-classified samples count.
    public var gamma = 2.0

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !(alpha > 0 && alpha.isFinite) { found.append(("alpha", "must be positive, found \(alpha)")) }
        if !(gamma >= 0 && gamma.isFinite) { found.append(("gamma", "must not be negative, found \(gamma)")) }
        return found
    }

    /// With m = 1 − p the derivative by c is α · (m^γ + γ · m^(γ−1) · p · c), and c's by a logit is softmax − target.
    public func evaluate(
        _ logits: UnsafeBufferPointer<Float>, target: Int, gradient: UnsafeMutableBufferPointer<Float>
    ) -> SampleLoss {
        let logProbabilities = LogSoftmax(logits)
        let entropy = -logProbabilities[target]
        let missed = -expm1(-entropy)
        let modulation = pow(missed, gamma)
        let throughProbability =
            gamma > 0 && missed > 0 ? gamma * pow(missed, gamma - 1) * (1 - missed) * entropy : 0
        let slope = alpha * (modulation + throughProbability)
        for k in logits.indices {
            gradient[k] = Float(slope * (exp(logProbabilities[k]) - (k == target ? 1 : 0)))
        }
        return SampleLoss(sum: alpha * modulation * entropy, weight: 1)
    }
}
