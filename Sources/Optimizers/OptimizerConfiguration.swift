import Autograd
import Configuration
import Foundation
import Tensors

/// The update rules that a configuration can name.
public enum OptimizerCatalog {
    /// All of them.
    public static let all: [any Optimizer.Type] = [
        SGD.self, Adam<CoupledDecay>.self, Adam<DecoupledDecay>.self, RMSprop.self, LARS.self, LAMB.self,
    ]

    static func type(named name: String) throws(UnknownName) -> any Optimizer.Type {
        try all.entry(named: name, kind: "optimizer") { $0.name }
    }
}

/// The `optimizer` section of a configuration.
public struct OptimizerConfiguration: NamedSection, Equatable, ValidatedSection {
    /// The update rule.
    public var rule: any Optimizer
    /// Whether weight decay, and the trust ratio of layerwise rules, applies to parameters of rank 1 too.
    public var decaysBiasAndNorms = true
    /// Parameters with settings of their own; the first group that matches a parameter counts.
    public var groups: [ParameterGroup] = []

    private enum CodingKeys: String, CodingKey {
        case groups
        case decaysBiasAndNorms = "decay_bias_and_norms"
    }

    /// The rule's name.
    public var name: String { rule.name }

    /// Stochastic gradient descent.
    public init() { rule = SGD() }

    /// A rule with its defaults.
    public init(named name: String) throws(UnknownName) { rule = try OptimizerCatalog.type(named: name).init() }

    /// Reads the name, the rule's keys and the common ones.
    public init(from decoder: any Decoder) throws {
        rule = try OptimizerCatalog.type(named: SectionName(from: decoder).name).init(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        decaysBiasAndNorms = try container.decode(Bool.self, forKey: .decaysBiasAndNorms)
        groups = try container.decode([ParameterGroup].self, forKey: .groups)
    }

    /// Writes the name, the rule's keys and the common ones.
    public func encode(to encoder: any Encoder) throws {
        try SectionName(name).encode(to: encoder)
        try rule.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(decaysBiasAndNorms, forKey: .decaysBiasAndNorms)
        try container.encode(groups, forKey: .groups)
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !(rule.learningRate > 0 && rule.learningRate.isFinite) {
            found.append(("learning_rate", "must be positive, found \(rule.learningRate)"))
        }
        if !(rule.weightDecay >= 0 && rule.weightDecay.isFinite) {
            found.append(("weight_decay", "must not be negative, found \(rule.weightDecay)"))
        }
        return found + rule.problems()
    }

    /// Whether both update parameters alike.
    public static func == (a: Self, b: Self) -> Bool {
        a.rule.isEqual(to: b.rule) && a.decaysBiasAndNorms == b.decaysBiasAndNorms && a.groups == b.groups
    }

    /// How each parameter is updated.
    ///
    /// - Throws: ``OptimizerError`` when a group matches no parameter.
    func settings(of parameters: [Parameter]) throws(OptimizerError) -> [ParameterSettings] {
        for (index, group) in groups.enumerated() where !parameters.contains(where: group.matches) {
            throw OptimizerError.unmatched(
                group: index, pattern: group.match, guess: NearestName.of(group.match, among: parameters.map(\.name)),
                example: parameters.first?.name ?? "")
        }
        return parameters.map { parameter in
            let group = groups.first { $0.matches(parameter) }
            let isExempt = !decaysBiasAndNorms && parameter.shape.rank < 2
            return ParameterSettings(
                learningRateFactor: group?.learningRateFactor ?? 1,
                weightDecay: group?.weightDecay ?? (isExempt ? 0 : rule.weightDecay), usesTrustRatio: !isExempt)
        }
    }
}

/// Parameters with settings of their own.
public struct ParameterGroup: Codable, Sendable, Equatable, ValidatedSection {
    /// A pattern of the parameters' names: `*` stands for any characters, `?` for one, `[…]` for one of a set.
    public var match: String
    /// The weight decay in place of the rule's.
    public var weightDecay: Double?
    /// Factor of the learning rate.
    public var learningRateFactor: Double?

    enum CodingKeys: String, CodingKey {
        case match
        case weightDecay = "weight_decay"
        case learningRateFactor = "learning_rate_factor"
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        for (key, value) in [("weight_decay", weightDecay), ("learning_rate_factor", learningRateFactor)] {
            if let value, !(value >= 0 && value.isFinite) { return [(key, "must not be negative, found \(value)")] }
        }
        return []
    }

    func matches(_ parameter: Parameter) -> Bool { fnmatch(match, parameter.name, 0) == 0 }
}

/// How a parameter is updated.
struct ParameterSettings: Equatable, Sendable {
    let learningRateFactor: Double
    let weightDecay: Double
    let usesTrustRatio: Bool
}

/// Why an optimizer cannot be made for a model.
public enum OptimizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A group's pattern matches no parameter.
    case unmatched(group: Int, pattern: String, guess: String?, example: String)

    /// One sentence with the mend.
    public var description: String {
        switch self {
        case .unmatched(let group, let pattern, let guess, let example):
            "'optimizer.groups[\(group)].match' is '\(pattern)', which matches no parameter of the model; "
                + (guess.map { "did you mean '\($0)'?" } ?? "names are like '\(example)', and * stands for any part")
        }
    }
}
