import Configuration
import Foundation
import Kernels

/// Where Adam's weight decay goes.
public protocol AdamDecay: Sendable {
    /// The rule's name in the configuration.
    static var ruleName: String { get }
    /// The weight decay of PyTorch.
    static var standard: Double { get }
    /// Whether parameters shrink by themselves instead of changing their gradients.
    static var isDecoupled: Bool { get }
}

/// Added to the gradient, as in `torch.optim.Adam`.
public enum CoupledDecay: AdamDecay {
    /// `adam`.
    public static let ruleName = "adam"
    /// None.
    public static let standard = 0.0
    /// Added to the gradient.
    public static let isDecoupled = false
}

/// Parameters shrink by learning rate · weight decay, as in `torch.optim.AdamW`.
///
/// - Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization".
public enum DecoupledDecay: AdamDecay {
    /// `adamw`.
    public static let ruleName = "adamw"
    /// As in PyTorch.
    public static let standard = 0.01
    /// Apart from the gradient.
    public static let isDecoupled = true
}

/// The mean gradient over the root of its mean square; matches `torch.optim.Adam` and `torch.optim.AdamW`.
///
/// The bias corrections are taken in double precision.
///
/// - Source: Kingma and Ba 2015.
public struct Adam<Decay: AdamDecay>: Optimizer {
    /// The name in the configuration.
    public static var name: String { Decay.ruleName }

    /// The learning rate before the schedule.
    public var learningRate = 0.001
    /// What the averages of the gradient and of its square keep of their old values.
    public var betas = [0.9, 0.999]
    /// Added to the root of the mean square.
    public var eps = 1e-8
    /// The weight decay.
    public var weightDecay = Decay.standard

    enum CodingKeys: String, CodingKey {
        case learningRate = "learning_rate"
        case betas, eps
        case weightDecay = "weight_decay"
    }

    /// PyTorch's defaults.
    public init() {}

    /// The two averages, named as in PyTorch's state.
    public var slotNames: [String] { ["exp_avg", "exp_avg_sq"] }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { momentProblems(betas: betas, epsilon: eps) }

    /// One pass over memory.
    public func update(_ region: UpdateRegion, _ step: UpdateStep, _ kernels: UpdateKernels) {
        let moments = Moments(betas: betas, step: step.index)
        kernels.adam(
            region.values, region.gradients, region.slot(0), region.slot(1), region.count, step.scaling,
            AdamStep(
                stepSize: Float(step.learningRate * moments.firstFactor), keptFirst: moments.keptFirst,
                takenFirst: moments.takenFirst, keptSecond: moments.keptSecond, takenSecond: moments.takenSecond,
                rootFactor: Float(moments.rootFactor), epsilon: Float(eps),
                gradientDecay: Decay.isDecoupled ? 0 : Float(step.weightDecay),
                shrinkage: Decay.isDecoupled ? Float(1 - step.learningRate * step.weightDecay) : 1))
    }
}

/// The constants of two moments at a step, in double precision until they are used.
struct Moments {
    /// What the moments keep of their old values and take of the new ones.
    let keptFirst, takenFirst, keptSecond, takenSecond: Float
    /// The bias corrections of the first moment and of the second one's root, as factors.
    let firstFactor, rootFactor: Double

    /// The constants of update number `step`, counted from 0.
    init(betas: [Double], step: Int) {
        keptFirst = Float(betas[0])
        takenFirst = Float(1 - betas[0])
        keptSecond = Float(betas[1])
        takenSecond = Float(1 - betas[1])
        firstFactor = 1 / (1 - pow(betas[0], Double(step + 1)))
        rootFactor = 1 / (1 - pow(betas[1], Double(step + 1))).squareRoot()
    }
}
