import Configuration
import Kernels

/// Adam's direction, weight decay included, scaled to the norm of the parameter.
///
/// Where one of the norms is 0, the direction stays as it is.
///
/// - Determinism: norms are sums in double precision over parts of a fixed size, in order.
/// - Source: You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2
///   with φ the identity.
public struct LAMB: LayerwiseOptimizer {
    /// The name in the configuration.
    public static let name = "lamb"

    /// The learning rate before the schedule.
    public var learningRate = 0.001
    /// What the averages of the gradient and of its square keep of their old values.
    public var betas = [0.9, 0.999]
    /// Added to the root of the mean square.
    public var eps = 1e-6
    /// Factor of the parameters that is added to the direction.
    public var weightDecay = 0.01

    enum CodingKeys: String, CodingKey {
        case learningRate = "learning_rate"
        case betas, eps
        case weightDecay = "weight_decay"
    }

    /// The defaults.
    public init() {}

    /// The two averages.
    public var slotNames: [String] { ["exp_avg", "exp_avg_sq"] }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { momentProblems(betas: betas, epsilon: eps) }

    /// Updates the averages; the squares of parameters and directions.
    public func measure(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) -> (Double, Double) {
        kernels.lambMoments(
            region.values, region.gradients, region.slot(0), region.slot(1), region.count, step.scaling,
            constants(step))
    }

    /// The ratio of the norms.
    public func trustRatio(_ values: Double, _ directions: Double, _ step: UpdateStep) -> Double {
        values == 0 || directions == 0 ? 1 : values / directions
    }

    /// A second pass over memory: the norm of the whole direction is known only now.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) {
        kernels.lamb(region.values, region.slot(0), region.slot(1), region.count, constants(step))
    }

    private func constants(_ step: UpdateStep) -> LAMBStep {
        let moments = Moments(betas: betas, step: step.index)
        return LAMBStep(
            stepSize: Float(step.learningRate * step.trustRatio), keptFirst: moments.keptFirst,
            takenFirst: moments.takenFirst, keptSecond: moments.keptSecond, takenSecond: moments.takenSecond,
            firstFactor: Float(moments.firstFactor), rootFactor: Float(moments.rootFactor), epsilon: Float(eps),
            weightDecay: Float(step.weightDecay))
    }
}
