import Autograd
import Configuration
import Layers
import Tensors

/// A network with its parameters.
public struct Model: Sendable {
    /// The name in the configuration.
    public var name: String { outline.name }
    /// From a batch of samples to logits `[N, classes]`.
    public var layers: any Layer { outline.layers }
    /// One sample's shape.
    public var sample: Shape { outline.sample }
    /// The number of logits.
    public var classes: Int { outline.classes }
    /// What the network is made of.
    public let outline: ModelOutline
    /// The parameters and buffers.
    public let arena: ParameterArena

    /// Makes a network with initial parameters drawn from `seed`, and checks that it fits the samples.
    ///
    /// - Parameters:
    ///   - configuration: Which network.
    ///   - sample: One sample's shape: `[H, W, C]` for images, `[T, H, W, C]` for clips.
    ///   - classes: The number of logits.
    ///   - seed: What parameters are drawn from.
    /// - Throws: ``ModelError`` for an unknown name, and for layers that cannot take what reaches them.
    public init(
        _ configuration: ModelConfiguration, sample: Shape, classes: Int, seed: UInt64
    ) throws(ModelError) {
        let builder = ParameterBuilder(initialization: configuration.initialization)
        outline = try ModelOutline(configuration, sample: sample, classes: classes, builder)
        arena = builder.build(seed: seed)
    }

    /// Makes a network of the catalogue.
    ///
    /// - Throws: ``ModelError`` as for ``init(_:sample:classes:seed:)-(ModelConfiguration,_,_,_)``.
    public init(_ name: String, sample: Shape, classes: Int, seed: UInt64) throws(ModelError) {
        try self.init(ModelConfiguration(name: name), sample: sample, classes: classes, seed: seed)
    }

    /// Name and shape of each tensor, one a line: equal for models that can train together.
    public var signature: String {
        let parameters = arena.parameters.map { "\($0.name) \($0.shape)" }
        let buffers = arena.buffers.map { "\($0.name) \($0.shape)" }
        return (["\(name) \(sample) \(classes)"] + parameters + buffers + arena.counters.map(\.name))
            .joined(separator: "\n")
    }
}

/// Why a model cannot be made.
public enum ModelError: Error, Sendable, CustomStringConvertible {
    /// No network has the name.
    case unknown(UnknownName)
    /// A layer of the network, which the text names, cannot take its input.
    case misfit(String, LayerError)
    /// The network, which the text names, has so many parameters that no host holds them.
    case tooLarge(String, Int)

    /// One sentence with the mend.
    public var description: String {
        switch self {
        case .unknown(let error): "\(error)"
        case .misfit(let subject, let error): "\(subject) does not fit the data set: \(error)"
        case .tooLarge(let subject, let count):
            "\(subject) would have \(count) parameters, too many for this program; make its layers narrower"
        }
    }
}
