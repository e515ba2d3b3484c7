import Configuration
import Foundation

/// −y · log σ(logit) − (1 − y) · log(1 − σ(logit)) of each class on its own, where y is 1 for the target's class and 0
/// for the others; matches `torch.nn.BCEWithLogitsLoss` on one-hot targets.
///
/// The mean divides by the number of logits, samples times classes.
public struct BinaryCrossEntropy: Loss {
    /// The name in the configuration.
    public static let name = "bce_with_logits"

    /// For each class the factor of the first term; null: all 1.
    public var positiveWeights: Nullable<[Double]> = nil

    enum CodingKeys: String, CodingKey {
        case positiveWeights = "pos_weight"
    }

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        guard let wrong = positiveWeights.value?.first(where: { !($0 >= 0 && $0.isFinite) }) else { return [] }
        return [("pos_weight", "must not be negative, found \(wrong)")]
    }

    /// Weights need one number a class.
    public func problem(classes: Int) -> (key: String, problem: String)? {
        guard let count = positiveWeights.value?.count, count != classes else { return nil }
        return ("pos_weight", "has \(count) numbers, but the data set has \(classes) classes")
    }

    /// Sums over the classes; log σ is taken without overflow.
    public func evaluate(
        _ logits: UnsafeBufferPointer<Float>, target: Int, gradient: UnsafeMutableBufferPointer<Float>
    ) -> SampleLoss {
        var sum = 0.0
        for k in logits.indices {
            let logit = Double(logits[k])
            // −log σ(x) = log(1 + e^−x), and −log(1 − σ(x)) is that plus x.
            let missed = log1p(exp(-abs(logit))) + max(-logit, 0)
            let probability = exp(-missed)
            if k == target {
                let weight = positiveWeights.value?[k] ?? 1
                sum += weight * missed
                gradient[k] = Float(weight * (probability - 1))
            } else {
                sum += missed + logit
                gradient[k] = Float(probability)
            }
        }
        return SampleLoss(sum: sum, weight: Double(logits.count))
    }
}
