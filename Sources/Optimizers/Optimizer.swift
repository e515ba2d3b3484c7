import Configuration
import Tensors

/// The flat memory of one update: parameters, their gradients and the rule's own state, all of one layout.
public struct UpdateRegion {
    /// The parameters.
    public let values: UnsafeMutablePointer<Float>
    /// Sums of gradients over samples.
    public let gradients: UnsafePointer<Float>
    /// One block for each of the rule's slots.
    public let slots: [UnsafeMutablePointer<Float>]
    /// The number of elements of each.
    public let count: Int

    /// Gathers the memory.
    public init(
        values: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>, slots: [UnsafeMutablePointer<Float>],
        count: Int
    ) {
        self.values = values
        self.gradients = gradients
        self.slots = slots
        self.count = count
    }
}

/// What an update needs to know of its step.
public struct UpdateStep: Sendable {
    /// The number of updates before this one.
    public let index: Int
    /// The learning rate that the schedule gives.
    public let learningRate: Float
    /// Factor of the gradients: one over the number of samples, times clipping.
    public let gradientScale: Float

    /// Gathers the numbers.
    public init(index: Int, learningRate: Float, gradientScale: Float) {
        self.index = index
        self.learningRate = learningRate
        self.gradientScale = gradientScale
    }
}

/// A rule that moves parameters against their gradients.
///
/// Rules are values; their state lies in the slots.
public protocol Optimizer: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// Names of the blocks of state, as in `momentum`; each has the parameters' layout and begins as zeros.
    var slotNames: [String] { get }

    /// Makes the rule.
    init(_ configuration: OptimizerConfiguration)

    /// Moves all parameters of a region once.
    func update(_ region: UpdateRegion, _ step: UpdateStep, _ engine: Engine)
}

/// The `optimizer` section of a configuration.
public struct OptimizerConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// The update rule.
    public var name = "sgd"
    /// The learning rate before the schedule, for gradients that are means over the global batch.
    public var learningRate: Float = 0.05
    /// Factor of the momentum buffer.
    public var momentum: Float = 0.9
    /// Share of the gradient that the momentum buffer does not take, from the second step on.
    public var dampening: Float = 0
    /// Whether to look ahead.
    public var nesterov = true
    /// Factor of the parameters that is added to their gradients.
    public var weightDecay: Float = 5e-4

    enum CodingKeys: String, CodingKey {
        case name, momentum, dampening, nesterov
        case learningRate = "learning_rate"
        case weightDecay = "weight_decay"
    }

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !OptimizerCatalog.all.contains(where: { $0.name == name }) {
            let error = UnknownName(kind: "optimizer", name: name, known: OptimizerCatalog.all.map { $0.name })
            found.append(("name", "names an \(error)"))
        }
        if !(learningRate > 0) { found.append(("learning_rate", "must be positive, found \(learningRate)")) }
        if !(0..<1).contains(momentum) { found.append(("momentum", "must be in [0, 1), found \(momentum)")) }
        if !(0...1).contains(dampening) { found.append(("dampening", "must be in [0, 1], found \(dampening)")) }
        if !(weightDecay >= 0) { found.append(("weight_decay", "must not be negative, found \(weightDecay)")) }
        if nesterov && (momentum == 0 || dampening != 0) {
            found.append(("nesterov", "needs a momentum above 0 and a dampening of 0; set nesterov: false"))
        }
        return found
    }
}

/// The update rules that a configuration can name.
public enum OptimizerCatalog {
    /// All of them.
    public static let all: [any Optimizer.Type] = [SGD.self]

    /// The rule that a configuration asks for.
    ///
    /// - Throws: `UnknownName` when there is none of that name.
    public static func make(_ configuration: OptimizerConfiguration) throws(UnknownName) -> any Optimizer {
        guard let type = all.first(where: { $0.name == configuration.name }) else {
            throw UnknownName(kind: "optimizer", name: configuration.name, known: all.map { $0.name })
        }
        return type.init(configuration)
    }
}
