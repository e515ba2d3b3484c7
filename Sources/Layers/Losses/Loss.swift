import Configuration
import Tensors

/// What a loss says of a batch: sums over samples, so that shards and workers add up exactly.
///
/// The loss of a whole batch is the sum of all `sum`s over the sum of all `weight`s, and its gradient likewise.
public struct LossResult: Sendable {
    /// The sum of the samples' losses.
    public let sum: Float
    /// What the sum is to be divided by for a mean as PyTorch takes it; 0 when no sample counts.
    public let weight: Float
    /// The number of samples whose largest logit is the target's, whatever weight they have.
    public let correct: Int
    /// The gradient of the sum with respect to the logits.
    public let gradient: Tensor

    /// The mean; 0 when no sample counts.
    public var mean: Float { weight > 0 ? sum / weight : 0 }

    /// `share` of this result and the rest of `other`: the loss of mixed samples, by both of their targets.
    ///
    /// What counts as correct is this result's target.
    ///
    /// - Source: Zhang et al. 2017, "mixup: beyond empirical risk minimization".
    public func mixed(with other: LossResult, share: Float, _ engine: Engine) -> LossResult {
        let mixture = engine.tensor(gradient.shape) { target in
            gradient.withElements { own in
                other.gradient.withElements { others in
                    for place in 0..<gradient.count {
                        target[place] = share * own[place] + (1 - share) * others[place]
                    }
                }
            }
        }
        return LossResult(
            sum: share * sum + (1 - share) * other.sum, weight: share * weight + (1 - share) * other.weight,
            correct: correct, gradient: mixture)
    }
}

/// The loss of one sample and its part of the divisor.
public struct SampleLoss: Sendable {
    /// The loss, weighted.
    public let sum: Double
    /// What it adds to the divisor.
    public let weight: Double

    /// A sample that does not count.
    static let ignored = SampleLoss(sum: 0, weight: 0)
}

/// A function of logits and targets that training makes small.
///
/// A loss is an entry of the `loss` section: its stored properties are its keys.
public protocol Loss: NamedEntry {
    /// The loss of one sample; writes the gradient with respect to its logits.
    ///
    /// - Determinism: sums run over the classes in their order, in double precision.
    func evaluate(
        _ logits: UnsafeBufferPointer<Float>, target: Int, gradient: UnsafeMutableBufferPointer<Float>
    ) -> SampleLoss

    /// Why the loss does not fit a data set of so many classes, by key; nil when it does.
    func problem(classes: Int) -> (key: String, problem: String)?
}

extension Loss {
    /// A loss without values for single classes fits all data sets.
    public func problem(classes: Int) -> (key: String, problem: String)? { nil }

    /// The loss of a batch: logits `[N, classes]`, one target a row.
    ///
    /// - Determinism: sums in double precision over the samples in their order.
    public func evaluate(_ logits: Tensor, _ targets: [Int32], _ engine: Engine) -> LossResult {
        let (rows, classes) = (logits.shape[0], logits.shape[1])
        precondition(targets.count == rows, "\(rows) rows of logits, \(targets.count) targets")
        var (sum, weight, correct) = (0.0, 0.0, 0)
        let gradient = engine.tensor(logits.shape) { gradient in
            logits.withElements { logits in
                for row in 0..<rows {
                    let values = UnsafeBufferPointer(start: logits + row * classes, count: classes)
                    let target = Int(targets[row])
                    let sample = evaluate(
                        values, target: target,
                        gradient: UnsafeMutableBufferPointer(start: gradient + row * classes, count: classes))
                    sum += sample.sum
                    weight += sample.weight
                    if values.indexOfLargest == target { correct += 1 }
                }
            }
        }
        return LossResult(sum: Float(sum), weight: Float(weight), correct: correct, gradient: gradient)
    }
}

extension UnsafeBufferPointer<Float> {
    /// The index of the largest element, of equal ones the first.
    var indexOfLargest: Int {
        var best = 0
        for index in indices where self[index] > self[best] { best = index }
        return best
    }
}
