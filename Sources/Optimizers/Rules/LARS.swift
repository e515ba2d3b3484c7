import Configuration
import Kernels

/// Momentum with a learning rate for each parameter, in proportion to the ratio of its norm to its gradient's.
///
/// The learning rate is multiplied by trust_coefficient · ‖w‖ / (‖g‖ + weight_decay · ‖w‖), unless a norm is 0. It scales
/// what the momentum buffer takes.
///
/// - Determinism: norms are sums in double precision over parts of a fixed size, in order.
/// - Source: You, Gitman and Ginsburg 2017, "Large batch training of convolutional networks", algorithm 1.
public struct LARS: LayerwiseOptimizer {
    /// The name in the configuration.
    public static let name = "lars"

    /// The learning rate before the schedule.
    public var learningRate = 0.1
    /// Factor of the momentum buffer.
    public var momentum = 0.9
    /// Factor of the ratio of the norms.
    public var trustCoefficient = 0.001
    /// Factor of the parameters that is added to their gradients.
    public var weightDecay = 5e-4

    enum CodingKeys: String, CodingKey {
        case learningRate = "learning_rate"
        case momentum
        case trustCoefficient = "trust_coefficient"
        case weightDecay = "weight_decay"
    }

    /// The defaults.
    public init() {}

    /// The momentum buffer.
    public var slotNames: [String] { ["momentum_buffer"] }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        let found = momentumProblems(momentum)
        if trustCoefficient > 0 && trustCoefficient.isFinite { return found }
        return found + [("trust_coefficient", "must be positive, found \(trustCoefficient)")]
    }

    /// The squares of parameters and gradients.
    public func measure(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) -> (Double, Double) {
        kernels.squares(region.values, region.gradients, region.count, step.scaling)
    }

    /// The local learning rate.
    public func trustRatio(_ values: Double, _ gradients: Double, _ step: UpdateStep) -> Double {
        values == 0 || gradients == 0 ? 1 : trustCoefficient * values / (gradients + step.weightDecay * values)
    }

    /// One pass over memory.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) {
        kernels.lars(
            region.values, region.gradients, region.slot(0), region.count, step.scaling,
            LARSStep(
                stepSize: Float(step.learningRate * step.trustRatio), momentum: Float(momentum),
                weightDecay: Float(step.weightDecay)))
    }
}
