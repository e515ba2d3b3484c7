import Kernels
import Tensors

/// Stochastic gradient descent with momentum; matches `torch.optim.SGD`: weight decay is added to the gradient, the
/// buffer is momentum · buffer + (1 − dampening) · gradient (the first step takes the gradient as it is), and the
/// learning rate scales the step, not the buffer.
public struct SGD: Optimizer {
    /// The name in the configuration.
    public static let name = "sgd"
    let configuration: OptimizerConfiguration

    /// The momentum buffer, named as in PyTorch's state.
    public let slotNames = ["momentum_buffer"]

    /// Makes the rule.
    public init(_ configuration: OptimizerConfiguration) { self.configuration = configuration }

    /// One pass over memory.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ engine: Engine) {
        let constants = SGDStep(
            learningRate: step.learningRate, momentum: configuration.momentum, dampening: configuration.dampening,
            weightDecay: configuration.weightDecay, nesterov: configuration.nesterov,
            gradientScale: step.gradientScale, isFirst: step.index == 0)
        let (values, gradients) = (SharedPointer(region.values), SharedSource(region.gradients))
        let buffer = SharedPointer(region.slots[0])
        engine.split(region.count, grain: 1 << 16) { part in
            let start = part.lowerBound
            engine.kernels.update.sgd(
                values.base + start, gradients.base + start, buffer.base + start, part.count, constants)
        }
    }
}
