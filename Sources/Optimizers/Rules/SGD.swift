import Configuration
import Kernels

/// Stochastic gradient descent with momentum; matches `torch.optim.SGD`.
///
/// Weight decay is added to the gradient, the buffer is momentum · buffer + (1 − dampening) · gradient (the first step takes the gradient as it is), and the
/// learning rate scales the step, not the buffer.
public struct SGD: Optimizer {
    /// The name in the configuration.
    public static let name = "sgd"

    /// The learning rate before the schedule.
    public var learningRate = 0.05
    /// Factor of the momentum buffer.
    public var momentum = 0.9
    /// Share of the gradient that the momentum buffer does not take, from the second step on.
    public var dampening = 0.0
    /// Whether to look ahead.
    public var nesterov = true
    /// Factor of the parameters that is added to their gradients.
    public var weightDecay = 5e-4

    enum CodingKeys: String, CodingKey {
        case learningRate = "learning_rate"
        case momentum, dampening, nesterov
        case weightDecay = "weight_decay"
    }

    /// The defaults.
    public init() {}

    /// The momentum buffer, named as in PyTorch's state.
    public var slotNames: [String] { ["momentum_buffer"] }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found = momentumProblems(momentum)
        if !(0...1).contains(dampening) { found.append(("dampening", "must be in [0, 1], found \(dampening)")) }
        if nesterov && (momentum == 0 || dampening != 0) {
            found.append(("nesterov", "needs a momentum above 0 and a dampening of 0; set nesterov: false"))
        }
        return found
    }

    /// One pass over memory.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) {
        let isFirst = step.index == 0
        kernels.sgd(
            region.values, region.gradients, region.slot(0), region.count, step.scaling,
            SGDStep(
                learningRate: Float(step.learningRate), momentum: Float(momentum),
                taken: isFirst ? 1 : Float(1 - dampening), weightDecay: Float(step.weightDecay), nesterov: nesterov,
                isFirst: isFirst))
    }
}
