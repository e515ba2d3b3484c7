import Configuration

/// The `loss` section of a configuration.
public struct LossConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// The loss.
    public var name = SoftmaxCrossEntropy.name
    /// The share of the target that is spread over all classes.
    public var labelSmoothing: Float = 0

    enum CodingKeys: String, CodingKey {
        case name
        case labelSmoothing = "label_smoothing"
    }

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !LossCatalog.all.contains(where: { $0.name == name }) {
            let error = UnknownName(kind: "loss", name: name, known: LossCatalog.all.map { $0.name })
            found.append(("name", "names an \(error)"))
        }
        if !(0...1).contains(labelSmoothing) {
            found.append(("label_smoothing", "must be in [0, 1], found \(labelSmoothing)"))
        }
        return found
    }
}

/// The losses that a configuration can name.
public enum LossCatalog {
    /// All of them.
    public static let all: [any Loss.Type] = [SoftmaxCrossEntropy.self]

    /// The loss that a configuration asks for.
    ///
    /// - Throws: `UnknownName` when there is none of that name.
    public static func make(_ configuration: LossConfiguration) throws(UnknownName) -> any Loss {
        guard let type = all.first(where: { $0.name == configuration.name }) else {
            throw UnknownName(kind: "loss", name: configuration.name, known: all.map { $0.name })
        }
        return type.init(configuration)
    }
}
