import Autograd
import Configuration
import Layers
import Tensors

/// A network that can be made for samples and classes of any data set that fits it.
public protocol ModelDefinition: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// Makes the layers; `sample` is one sample's shape, `[H, W, C]` for images.
    ///
    /// - Throws: ``ShapeError`` when the network cannot take such samples.
    static func layers(_ builder: ParameterBuilder, sample: Shape, classes: Int) throws(ShapeError) -> any Layer
}

/// The networks that a configuration can name.
public enum ModelCatalog {
    /// All of them.
    public static let all: [any ModelDefinition.Type] = [SimpleCNN.self, ResNet20.self, ResNet18.self]
}

/// A network with its parameters.
public struct Model: Sendable {
    /// The name in the configuration.
    public let name: String
    /// From a batch of samples to logits `[N, classes]`.
    public let layers: any Layer
    /// The parameters and buffers.
    public let arena: ParameterArena
    /// One sample's shape.
    public let sample: Shape
    /// The number of logits.
    public let classes: Int

    /// Makes a network with initial parameters drawn from `seed`, and checks that it fits the samples.
    ///
    /// - Throws: ``ModelError`` for an unknown name or samples that the network cannot take.
    public init(_ name: String, sample: Shape, classes: Int, seed: UInt64) throws(ModelError) {
        guard let definition = ModelCatalog.all.first(where: { $0.name == name }) else {
            throw ModelError.unknown(name)
        }
        let builder = ParameterBuilder()
        do throws(ShapeError) {
            layers = try definition.layers(builder, sample: sample, classes: classes)
            let output = try layers.outputShape(for: sample)
            guard output == [classes] else {
                throw ShapeError(path: name, expected: "to end in \(classes) logits", found: output)
            }
        } catch {
            throw ModelError.misfit(name, error)
        }
        self.name = name
        self.sample = sample
        self.classes = classes
        arena = builder.build(seed: seed)
    }

    /// Name and shape of each tensor, one a line: equal for models that can train together.
    public var summary: String {
        let parameters = arena.parameters.map { "\($0.name) \($0.shape)" }
        let buffers = arena.buffers.map { "\($0.name) \($0.shape)" }
        return (["\(name) \(sample) \(classes)"] + parameters + buffers + arena.counters.map(\.name))
            .joined(separator: "\n")
    }
}

/// Why a model cannot be made.
public enum ModelError: Error, Sendable, CustomStringConvertible {
    /// No network has the name.
    case unknown(String)
    /// A layer cannot take its input.
    case misfit(String, ShapeError)

    /// One sentence with the mend.
    public var description: String {
        switch self {
        case .unknown(let name):
            UnknownName(kind: "model", name: name, known: ModelCatalog.all.map { $0.name }).description
        case .misfit(let name, let error):
            "model '\(name)' does not fit the data set: \(error)"
        }
    }
}
