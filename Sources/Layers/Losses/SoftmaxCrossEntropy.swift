import Foundation
import Tensors

/// −log softmax(logits)[target], with label smoothing; matches `torch.nn.functional.cross_entropy`.
public struct SoftmaxCrossEntropy: Loss {
    /// The name in the configuration.
    public static let name = "cross_entropy"
    let smoothing: Float

    /// Makes the loss with the configured label smoothing.
    public init(_ configuration: LossConfiguration) {
        self.init(labelSmoothing: configuration.labelSmoothing)
    }

    /// Makes the loss; `labelSmoothing` is the share of the target spread over all classes.
    ///
    /// - Precondition: `labelSmoothing` is in [0, 1].
    public init(labelSmoothing: Float = 0) {
        precondition((0...1).contains(labelSmoothing), "label smoothing is in [0, 1]")
        smoothing = labelSmoothing
    }

    /// Sums in double precision over classes and samples, in their order.
    public func evaluate(_ logits: Tensor, _ targets: [Int32], _ engine: Engine) -> LossResult {
        let (rows, classes) = (logits.shape[0], logits.shape[1])
        precondition(targets.count == rows, "\(rows) rows of logits, \(targets.count) targets")
        var sum = 0.0
        var correct = 0
        let gradient = engine.tensor(logits.shape) { gradient in
            logits.withElements { logits in
                for row in 0..<rows {
                    let values = logits + row * classes
                    let target = Int(targets[row])
                    var best = 0
                    for k in 1..<max(classes, 1) where values[k] > values[best] { best = k }
                    if best == target { correct += 1 }
                    sum += Self.row(values, target, classes, Double(smoothing), gradient + row * classes, values[best])
                }
            }
        }
        return LossResult(sum: Float(sum), correct: correct, gradient: gradient)
    }

    /// The loss of one row; writes its gradient, softmax minus the smoothed target.
    private static func row(
        _ values: UnsafePointer<Float>, _ target: Int, _ classes: Int, _ smoothing: Double,
        _ gradient: UnsafeMutablePointer<Float>, _ largest: Float
    ) -> Double {
        var total = 0.0
        var mean = 0.0
        for k in 0..<classes {
            let shifted = Double(values[k] - largest)
            total += exp(shifted)
            mean += shifted
        }
        let logTotal = log(total)
        let spread = smoothing / Double(classes)
        for k in 0..<classes {
            let probability = exp(Double(values[k] - largest) - logTotal)
            gradient[k] = Float(probability - spread - (k == target ? 1 - smoothing : 0))
        }
        let targetLoss = logTotal - Double(values[target] - largest)
        return (1 - smoothing) * targetLoss + smoothing * (logTotal - mean / Double(classes))
    }
}
