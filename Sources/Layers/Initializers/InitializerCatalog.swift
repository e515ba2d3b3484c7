import Autograd
import Configuration
import Tensors

/// What a configuration can fill weights with: an entry of the section, its stored properties are its keys.
public protocol WeightInitializer: NamedEntry {
    /// What fills a weight of this shape, of rank 2 or more; nil: what its layer takes by default.
    func initializer(for shape: Shape) -> (any Initializer)?
}

extension WeightInitializer where Self: Initializer {
    /// Itself, whatever the shape.
    public func initializer(for shape: Shape) -> (any Initializer)? { self }
}

/// What each layer takes by default, as PyTorch's layers do.
public struct LayerDefault: WeightInitializer {
    /// The name in the configuration.
    public static let name = "default"

    /// There is nothing to configure.
    public init() {}

    /// The layer's own.
    public func initializer(for shape: Shape) -> (any Initializer)? { nil }
}

/// The initialisers that a configuration can name.
public enum InitializerCatalog {
    /// All of them.
    public static let all: [any WeightInitializer.Type] = [
        LayerDefault.self, Kaiming<ScaledNormal>.self, Kaiming<ScaledUniform>.self, Xavier<ScaledNormal>.self,
        Xavier<ScaledUniform>.self, Orthogonal.self, Dirac.self, Normal.self, TruncatedNormal.self, Uniform.self,
        Constant.self,
    ]

    static func type(named name: String) throws(UnknownName) -> any WeightInitializer.Type {
        try all.entry(named: name, kind: "initializer") { $0.name }
    }
}

/// How a model's parameters are filled: weights of rank 2 and more by an entry of the catalogue, biases by zeros or as
/// their layers do by default; everything else, such as the weights of batch norm, as the layers do.
public struct InitializerConfiguration: NamedSection, Initialization, Equatable, ValidatedSection {
    /// What fills weights.
    public var weights: any WeightInitializer
    /// Whether biases begin as zeros.
    public var zeroBiases = false

    private enum CodingKeys: String, CodingKey {
        case zeroBiases = "zero_biases"
    }

    /// The initialiser's name.
    public var name: String { weights.name }

    /// What each layer takes by default.
    public init() { weights = LayerDefault() }

    /// An initialiser with its defaults.
    public init(named name: String) throws(UnknownName) { weights = try InitializerCatalog.type(named: name).init() }

    /// Reads the name, the initialiser's keys and the common ones.
    public init(from decoder: any Decoder) throws {
        weights = try InitializerCatalog.type(named: SectionName(from: decoder).name).init(from: decoder)
        zeroBiases = try decoder.container(keyedBy: CodingKeys.self).decode(Bool.self, forKey: .zeroBiases)
    }

    /// Writes the name, the initialiser's keys and the common ones.
    public func encode(to encoder: any Encoder) throws {
        try SectionName(name).encode(to: encoder)
        try weights.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(zeroBiases, forKey: .zeroBiases)
    }

    /// What fills a parameter; PyTorch's names tell biases apart.
    public func initializer(
        for name: String, _ shape: Shape, layerDefault: any Initializer
    ) -> any Initializer {
        if shape.rank >= 2 { return weights.initializer(for: shape) ?? layerDefault }
        return zeroBiases && name.hasPrefix("bias") ? Constant(0) : layerDefault
    }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { weights.problems() }

    /// Whether both fill parameters alike.
    public static func == (a: Self, b: Self) -> Bool {
        a.weights.isEqual(to: b.weights) && a.zeroBiases == b.zeroBiases
    }
}
