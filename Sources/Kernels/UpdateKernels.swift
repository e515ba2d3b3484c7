/// What happens to a summed gradient before a rule sees it.
public struct GradientScaling: Sendable {
    /// Makes the mean of the sum, and bounds its norm.
    public let factor: Float
    /// Bounds each element afterwards; infinity for no bound.
    public let bound: Float

    /// Gathers the numbers.
    public init(factor: Float, bound: Float = .infinity) {
        self.factor = factor
        self.bound = bound
    }
}

/// The constants of one step of stochastic gradient descent, named as in `torch.optim.SGD`.
public struct SGDStep: Sendable {
    /// Step size.
    public let learningRate: Float
    /// Factor of the momentum buffer; 0 means none.
    public let momentum: Float
    /// Share of the gradient that the momentum buffer takes; 1 in the first step.
    public let taken: Float
    /// Factor of the parameter that is added to its gradient.
    public let weightDecay: Float
    /// Whether the step looks ahead (Nesterov 1983, in PyTorch's form).
    public let nesterov: Bool
    /// Whether the momentum buffer is still empty.
    public let isFirst: Bool

    /// Gathers the constants.
    public init(
        learningRate: Float, momentum: Float, taken: Float, weightDecay: Float, nesterov: Bool, isFirst: Bool
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.taken = taken
        self.weightDecay = weightDecay
        self.nesterov = nesterov
        self.isFirst = isFirst
    }
}

/// The constants of one step of LARS.
public struct LARSStep: Sendable {
    /// Learning rate times trust ratio.
    public let stepSize: Float
    /// Factor of the momentum buffer.
    public let momentum: Float
    /// Factor of the parameter that is added to its gradient.
    public let weightDecay: Float

    /// Gathers the constants.
    public init(stepSize: Float, momentum: Float, weightDecay: Float) {
        self.stepSize = stepSize
        self.momentum = momentum
        self.weightDecay = weightDecay
    }
}

/// The constants of one step of Adam and its relatives.
public struct AdamStep: Sendable {
    /// Step size, the first moment's bias correction included.
    public let stepSize: Float
    /// What the first and the second moment keep of their old values, and what they take of the new ones.
    public let keptFirst, takenFirst, keptSecond, takenSecond: Float
    /// Factor of the second moment's root: its bias correction.
    public let rootFactor: Float
    /// Added to the root.
    public let epsilon: Float
    /// Factor of the parameter that is added to its gradient.
    public let gradientDecay: Float
    /// Factor of the parameter itself before the step; 1 for no decay.
    public let shrinkage: Float

    /// Gathers the constants.
    public init(
        stepSize: Float, keptFirst: Float, takenFirst: Float, keptSecond: Float, takenSecond: Float,
        rootFactor: Float, epsilon: Float, gradientDecay: Float, shrinkage: Float
    ) {
        self.stepSize = stepSize
        self.keptFirst = keptFirst
        self.takenFirst = takenFirst
        self.keptSecond = keptSecond
        self.takenSecond = takenSecond
        self.rootFactor = rootFactor
        self.epsilon = epsilon
        self.gradientDecay = gradientDecay
        self.shrinkage = shrinkage
    }
}

/// The constants of one step of LAMB; the parameter moves by `stepSize` times the direction.
public struct LAMBStep: Sendable {
    /// Learning rate times trust ratio; without effect while moments are updated.
    public let stepSize: Float
    /// What the first and the second moment keep of their old values, and what they take of the new ones.
    public let keptFirst, takenFirst, keptSecond, takenSecond: Float
    /// Factors of the first moment and of the second one's root: their bias corrections.
    public let firstFactor, rootFactor: Float
    /// Added to the root.
    public let epsilon: Float
    /// Factor of the parameter that is added to the direction.
    public let weightDecay: Float

    /// Gathers the constants.
    public init(
        stepSize: Float, keptFirst: Float, takenFirst: Float, keptSecond: Float, takenSecond: Float,
        firstFactor: Float, rootFactor: Float, epsilon: Float, weightDecay: Float
    ) {
        self.stepSize = stepSize
        self.keptFirst = keptFirst
        self.takenFirst = takenFirst
        self.keptSecond = keptSecond
        self.takenSecond = takenSecond
        self.firstFactor = firstFactor
        self.rootFactor = rootFactor
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }
}

/// The constants of one step of RMSprop, named as in `torch.optim.RMSprop`.
public struct RMSpropStep: Sendable {
    /// Step size.
    public let learningRate: Float
    /// What the averages keep of their old values, and what they take of the new ones.
    public let kept, taken: Float
    /// Added to the root.
    public let epsilon: Float
    /// Factor of the momentum buffer.
    public let momentum: Float
    /// Factor of the parameter that is added to its gradient.
    public let weightDecay: Float

    /// Gathers the constants.
    public init(
        learningRate: Float, kept: Float, taken: Float, epsilon: Float, momentum: Float, weightDecay: Float
    ) {
        self.learningRate = learningRate
        self.kept = kept
        self.taken = taken
        self.epsilon = epsilon
        self.momentum = momentum
        self.weightDecay = weightDecay
    }
}

/// Optimizer updates in one pass over flat memory.
///
/// Plain loops: all instruction sets give the same bits. Gradients are sums over samples; the scaling comes first.
public struct UpdateKernels: Sendable {
    /// The sums of squares of parameters and of scaled gradients: `(parameters, gradients, count, scaling)`.
    public let squares: @Sendable (Source, Source, Int, GradientScaling) -> (Double, Double)
    /// `(parameters, gradients, momentum buffer, count, scaling, step)`.
    public let sgd: @Sendable (Destination, Source, Destination, Int, GradientScaling, SGDStep) -> Void
    /// `(parameters, gradients, first moment, second moment, count, scaling, step)`.
    public let adam: @Sendable (Destination, Source, Destination, Destination, Int, GradientScaling, AdamStep) -> Void
    /// `(parameters, gradients, mean of squares, momentum buffer or nil, mean or nil, count, scaling, step)`.
    public let rmsprop:
        @Sendable (Destination, Source, Destination, Destination?, Destination?, Int, GradientScaling, RMSpropStep) ->
            Void
    /// buffer = momentum · buffer + step size · (gradient + weight decay · parameter), which the parameter moves by:
    /// `(parameters, gradients, momentum buffer, count, scaling, step)`.
    public let lars: @Sendable (Destination, Source, Destination, Int, GradientScaling, LARSStep) -> Void
    /// Updates LAMB's moments; the sums of squares of parameters and of directions:
    /// `(parameters, gradients, first moment, second moment, count, scaling, step)`.
    public let lambMoments:
        @Sendable (Source, Source, Destination, Destination, Int, GradientScaling, LAMBStep) -> (Double, Double)
    /// Moves parameters along LAMB's direction: `(parameters, first moment, second moment, count, step)`.
    public let lamb: @Sendable (Destination, Source, Source, Int, LAMBStep) -> Void
    /// average += share · (x − average): `(x, average, count, share)`.
    public let average: @Sendable (Source, Destination, Int, Float) -> Void

    /// Gathers the functions.
    public init(
        squares: @escaping @Sendable (Source, Source, Int, GradientScaling) -> (Double, Double),
        sgd: @escaping @Sendable (Destination, Source, Destination, Int, GradientScaling, SGDStep) -> Void,
        adam:
            @escaping @Sendable (Destination, Source, Destination, Destination, Int, GradientScaling, AdamStep) ->
            Void,
        rmsprop:
            @escaping @Sendable (
                Destination, Source, Destination, Destination?, Destination?, Int, GradientScaling, RMSpropStep
            ) -> Void,
        lars: @escaping @Sendable (Destination, Source, Destination, Int, GradientScaling, LARSStep) -> Void,
        lambMoments:
            @escaping @Sendable (
                Source, Source, Destination, Destination, Int, GradientScaling, LAMBStep
            ) -> (Double, Double),
        lamb: @escaping @Sendable (Destination, Source, Source, Int, LAMBStep) -> Void,
        average: @escaping @Sendable (Source, Destination, Int, Float) -> Void
    ) {
        self.squares = squares
        self.sgd = sgd
        self.adam = adam
        self.rmsprop = rmsprop
        self.lars = lars
        self.lambMoments = lambMoments
        self.lamb = lamb
        self.average = average
    }
}
