import Configuration
import Kernels

/// Gradients over the root of a moving average of their squares; matches `torch.optim.RMSprop`.
///
/// Where rounding makes the centred mean square negative, which gives NaNs in PyTorch, it counts as 0.
///
/// - Source: Tieleman and Hinton 2012, lecture 6.5; centred, Graves 2013.
public struct RMSprop: Optimizer {
    /// The name in the configuration.
    public static let name = "rmsprop"

    /// The learning rate before the schedule.
    public var learningRate = 0.01
    /// What the averages keep of their old values.
    public var alpha = 0.99
    /// Added to the root of the mean square.
    public var eps = 1e-8
    /// Factor of the momentum buffer; 0: none.
    public var momentum = 0.0
    /// Whether the square of the mean gradient is taken off the mean square.
    public var centered = false
    /// Factor of the parameters that is added to their gradients.
    public var weightDecay = 0.0

    enum CodingKeys: String, CodingKey {
        case learningRate = "learning_rate"
        case alpha, eps, momentum, centered
        case weightDecay = "weight_decay"
    }

    /// PyTorch's defaults.
    public init() {}

    /// The averages and the momentum buffer that there are, named as in PyTorch's state.
    public var slotNames: [String] {
        ["square_avg"] + (momentum > 0 ? ["momentum_buffer"] : []) + (centered ? ["grad_avg"] : [])
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        let found = momentumProblems(momentum) + epsilonProblems(eps)
        return (0..<1).contains(alpha) ? found : [("alpha", "must be in [0, 1), found \(alpha)")] + found
    }

    /// One pass over memory.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) {
        let hasMomentum = momentum > 0
        kernels.rmsprop(
            region.values, region.gradients, region.slot(0), hasMomentum ? region.slot(1) : nil,
            centered ? region.slot(hasMomentum ? 2 : 1) : nil, region.count, step.scaling,
            RMSpropStep(
                learningRate: Float(step.learningRate), kept: Float(alpha), taken: Float(1 - alpha),
                epsilon: Float(eps), momentum: Float(momentum), weightDecay: Float(step.weightDecay)))
    }
}
