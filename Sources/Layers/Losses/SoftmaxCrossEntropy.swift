import Configuration
import Foundation

/// −log softmax(logits)[target]; matches `torch.nn.CrossEntropyLoss`.
///
/// The mean divides by the sum of the weights of the targets' classes, without class weights by the number of samples
/// that are not ignored. With label smoothing ε the target is 1 − ε of its class and ε spread over all classes, each
/// times its class weight.
public struct SoftmaxCrossEntropy: Loss {
    /// The name in the configuration.
    public static let name = "cross_entropy"

    /// The share of the target that is spread over all classes.
    public var labelSmoothing = 0.0
    /// A factor for each class; null: all 1.
    public var classWeights: Nullable<[Double]> = nil
    /// The target of samples that do not count; null: all count.
    public var ignoreIndex: Nullable<Int> = nil

    enum CodingKeys: String, CodingKey {
        case labelSmoothing = "label_smoothing"
        case classWeights = "class_weights"
        case ignoreIndex = "ignore_index"
    }

    /// The defaults.
    public init() {}

    /// Makes the loss without class weights.
    public init(labelSmoothing: Double) { self.labelSmoothing = labelSmoothing }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !(0...1).contains(labelSmoothing) {
            found.append(("label_smoothing", "must be in [0, 1], found \(labelSmoothing)"))
        }
        if let wrong = classWeights.value?.first(where: { !($0 >= 0 && $0.isFinite) }) {
            found.append(("class_weights", "must not be negative, found \(wrong)"))
        }
        return found
    }

    /// Class weights need one number a class.
    public func problem(classes: Int) -> (key: String, problem: String)? {
        guard let count = classWeights.value?.count, count != classes else { return nil }
        return ("class_weights", "has \(count) numbers, but the data set has \(classes) classes")
    }

    /// The gradient is the weight of the smoothed target times softmax, minus the smoothed target.
    public func evaluate(
        _ logits: UnsafeBufferPointer<Float>, target: Int, gradient: UnsafeMutableBufferPointer<Float>
    ) -> SampleLoss {
        if target == ignoreIndex.value {
            gradient.update(repeating: 0)
            return .ignored
        }
        let logProbabilities = LogSoftmax(logits)
        let spread = labelSmoothing / Double(logits.count)
        let share = (1 - labelSmoothing) * weight(of: target)
        var sum = -share * logProbabilities[target]
        var total = share
        if spread > 0 {
            for k in logits.indices {
                sum -= spread * weight(of: k) * logProbabilities[k]
                total += spread * weight(of: k)
            }
        }
        for k in logits.indices {
            let wanted = spread * weight(of: k) + (k == target ? share : 0)
            gradient[k] = Float(total * exp(logProbabilities[k]) - wanted)
        }
        return SampleLoss(sum: sum, weight: weight(of: target))
    }

    private func weight(of k: Int) -> Double { classWeights.value?[k] ?? 1 }
}
