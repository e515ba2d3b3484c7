import Configuration
import Kernels
import Tensors

/// A part of the flat memory that an update works on: parameters, their gradients and the rule's own state.
public struct UpdateRegion: Sendable {
    private let allValues: SharedPointer<Float>
    private let allGradients: SharedSource<Float>
    private let allSlots: [SharedPointer<Float>]
    private let start: Int
    /// The number of elements.
    public let count: Int

    /// The part `range` of memory that is laid out alike.
    init(
        _ range: Range<Int>, values: SharedPointer<Float>, gradients: SharedSource<Float>,
        slots: [SharedPointer<Float>]
    ) {
        allValues = values
        allGradients = gradients
        allSlots = slots
        start = range.lowerBound
        count = range.count
    }

    /// The parameters.
    public var values: UnsafeMutablePointer<Float> { allValues.base + start }
    /// Sums of gradients over samples.
    public var gradients: UnsafePointer<Float> { allGradients.base + start }
    /// The state that belongs to the rule's slot name number `index`.
    public func slot(_ index: Int) -> UnsafeMutablePointer<Float> { allSlots[index].base + start }
}

/// What an update needs to know of its step.
public struct UpdateStep: Sendable {
    /// The number of updates before this one.
    public var index: Int
    /// The learning rate that the schedule gives, times the parameters' factor.
    public var learningRate: Double
    /// The weight decay of the parameters.
    public var weightDecay: Double
    /// Makes means of the gradients, clipped.
    public var scaling: GradientScaling
    /// What ``LayerwiseOptimizer/trustRatio(_:_:_:)`` gave; 1 for other rules.
    public var trustRatio = 1.0
}

/// A rule that moves parameters against their gradients.
///
/// A rule is an entry of the `optimizer` section: its stored properties are its keys. It is a value; its state lies in
/// the slots. Elements are updated one by one, so that any part of memory can be updated on its own.
public protocol Optimizer: NamedEntry {
    /// The learning rate before the schedule, for gradients that are means over the global batch.
    var learningRate: Double { get }

    /// The weight decay of parameters for which nothing else is configured.
    var weightDecay: Double { get }

    /// Names of the blocks of state, as in `momentum_buffer`; each has the parameters' layout and begins as zeros.
    var slotNames: [String] { get }

    /// Moves the parameters of a region once.
    func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels)
}

/// A rule that measures each parameter, a whole weight or bias, before it moves it.
public protocol LayerwiseOptimizer: Optimizer {
    /// Sums of squares over a part of a parameter: of its values, and of what the rule compares them with. The rule may
    /// update its state.
    func measure(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) -> (Double, Double)

    /// The factor of a parameter's step, from the norms of its values and of what they are compared with.
    func trustRatio(_ values: Double, _ other: Double, _ step: UpdateStep) -> Double
}

/// What is wrong with the decay rates of moments, of which there are two, and with what is added to the root.
func momentProblems(betas: [Double], epsilon: Double) -> [(key: String, problem: String)] {
    if betas.count != 2 || !betas.allSatisfy((0..<1).contains) {
        return [("betas", "must be two numbers in [0, 1), found \(betas)")]
    }
    return epsilonProblems(epsilon)
}

/// What is wrong with what is added to a root.
///
/// Without it, parameters that never had a gradient would turn into NaNs.
func epsilonProblems(_ epsilon: Double) -> [(key: String, problem: String)] {
    Float(epsilon) > 0 && epsilon.isFinite ? [] : [("eps", "must be positive, found \(epsilon)")]
}

/// What is wrong with a momentum.
func momentumProblems(_ momentum: Double) -> [(key: String, problem: String)] {
    (0..<1).contains(momentum) ? [] : [("momentum", "must be in [0, 1), found \(momentum)")]
}
