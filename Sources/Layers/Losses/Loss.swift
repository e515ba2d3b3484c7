import Tensors

/// What a loss says of a batch: sums over samples, so that shards and workers add up exactly.
public struct LossResult: Sendable {
    /// The sum of the samples' losses.
    public let sum: Float
    /// The number of samples whose largest logit is the target's.
    public let correct: Int
    /// The gradient of the sum with respect to the logits.
    public let gradient: Tensor
}

/// A function of logits and targets that training makes small.
public protocol Loss: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// Makes the loss.
    init(_ configuration: LossConfiguration)

    /// The loss of a batch: logits `[N, classes]`, one target a row.
    func evaluate(_ logits: Tensor, _ targets: [Int32], _ engine: Engine) -> LossResult
}
