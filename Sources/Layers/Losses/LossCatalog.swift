import Configuration

/// The losses that a configuration can name.
public enum LossCatalog {
    /// All of them.
    public static let all: [any Loss.Type] = [
        SoftmaxCrossEntropy.self, FocalLoss.self, MeanSquaredError.self, BinaryCrossEntropy.self,
    ]

    /// The loss that a configuration asks for, for a data set of so many classes.
    ///
    /// - Throws: ``LossError`` when the loss does not fit the classes.
    public static func make(_ configuration: LossConfiguration, classes: Int) throws(LossError) -> any Loss {
        if let fault = configuration.loss.problem(classes: classes) {
            throw LossError(key: "loss.\(fault.key)", problem: fault.problem)
        }
        return configuration.loss
    }

    static func type(named name: String) throws(UnknownName) -> any Loss.Type {
        try all.entry(named: name, kind: "loss") { $0.name }
    }
}

/// The `loss` section of a configuration.
public struct LossConfiguration: NamedSection, Equatable, ValidatedSection {
    /// The loss.
    public var loss: any Loss

    /// The loss's name.
    public var name: String { loss.name }

    /// Cross-entropy.
    public init() { loss = SoftmaxCrossEntropy() }

    /// A loss with its defaults.
    public init(named name: String) throws(UnknownName) { loss = try LossCatalog.type(named: name).init() }

    /// Reads the name, then the loss's keys.
    public init(from decoder: any Decoder) throws {
        loss = try LossCatalog.type(named: SectionName(from: decoder).name).init(from: decoder)
    }

    /// Writes the name, then the loss's keys.
    public func encode(to encoder: any Encoder) throws {
        try SectionName(name).encode(to: encoder)
        try loss.encode(to: encoder)
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { loss.problems() }

    /// Whether both are the same loss with equal values.
    public static func == (a: Self, b: Self) -> Bool { a.loss.isEqual(to: b.loss) }
}

/// A loss that does not fit the data set.
public struct LossError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The full path of the key concerned.
    public let key: String
    /// What is wrong.
    public let problem: String

    /// One sentence.
    public var description: String { "'\(key)' \(problem)" }
}
