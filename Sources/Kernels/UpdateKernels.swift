/// The constants of one step of stochastic gradient descent, named as in `torch.optim.SGD`.
public struct SGDStep: Sendable {
    /// Step size.
    public let learningRate: Float
    /// Factor of the momentum buffer; 0 means none.
    public let momentum: Float
    /// What the first step's momentum buffer takes is undampened; later ones take (1 − dampening) of the gradient.
    public let dampening: Float
    /// Factor of the parameter that is added to its gradient.
    public let weightDecay: Float
    /// Whether the step looks ahead (Nesterov 1983, in PyTorch's form).
    public let nesterov: Bool
    /// Factor of the gradient before anything else: one over the number of samples, times clipping.
    public let gradientScale: Float
    /// Whether the momentum buffer is still empty.
    public let isFirst: Bool

    /// Gathers the constants.
    public init(
        learningRate: Float, momentum: Float, dampening: Float, weightDecay: Float, nesterov: Bool,
        gradientScale: Float, isFirst: Bool
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        self.weightDecay = weightDecay
        self.nesterov = nesterov
        self.gradientScale = gradientScale
        self.isFirst = isFirst
    }
}

/// Optimizer updates in one pass over flat memory.
public struct UpdateKernels: Sendable {
    /// `(parameters, gradients, momentum buffer, count, step)`.
    public let sgd: @Sendable (Destination, Source, Destination, Int, SGDStep) -> Void

    /// Gathers the functions.
    public init(sgd: @escaping @Sendable (Destination, Source, Destination, Int, SGDStep) -> Void) {
        self.sgd = sgd
    }
}
