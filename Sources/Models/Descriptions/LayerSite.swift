import Autograd
import Layers
import Tensors

/// The place in a network where a layer is made.
struct LayerSite {
    /// Names and places the layer's parameters.
    let builder: ParameterBuilder
    /// The sample that reaches the layer.
    let sample: Shape
    /// What makes the whole network.
    let assembly: NetworkAssembly

    /// The sample's channels or features: its last axis.
    var channels: Int { sample.dimensions.last ?? 0 }

    /// The number that a description means.
    func count(_ width: Width) -> Int { width.count ?? assembly.classes }

    /// Makes layers one after another in this place's scope, the first for `sample`.
    func chain(_ layers: [LayerDescription], for sample: Shape) throws(LayerError) -> (layer: any Layer, output: Shape)
    {
        try assembly.chain(layers, builder, for: sample)
    }

    /// Makes layers that all take this place's sample, in its scope.
    func branches(_ layers: [LayerDescription]) throws(LayerError) -> [any Layer] {
        var made: [any Layer] = []
        for (index, description) in layers.enumerated() {
            made.append(try assembly.layer(description, at: index, in: builder, for: sample).layer)
        }
        return made
    }

    /// The error of a layer that cannot be made here.
    func error(_ kind: (some LayerKind).Type, _ expected: String) -> LayerError {
        LayerError(ShapeError(path: builder.path, expected: expected, found: sample), kind: kind.kind)
    }
}

/// Makes a network from descriptions, each layer fitted to what the one before it gives, and keeps a list of them.
final class NetworkAssembly {
    /// The number of classes of the data set.
    let classes: Int
    /// What was made, inner layers before those that hold them.
    private(set) var summary: [LayerSummary] = []
    private var names: Set<String> = []

    init(classes: Int) { self.classes = classes }

    /// Makes layers one after another.
    func chain(
        _ layers: [LayerDescription], _ builder: ParameterBuilder, for sample: Shape
    ) throws(LayerError) -> (layer: any Layer, output: Shape) {
        var made: [any Layer] = []
        var sample = sample
        for (index, description) in layers.enumerated() {
            let (layer, output) = try self.layer(description, at: index, in: builder, for: sample)
            made.append(layer)
            sample = output
        }
        return (Layers.Sequential(builder, made), sample)
    }

    /// Makes the layer at a place of a list.
    func layer(
        _ description: LayerDescription, at index: Int, in builder: ParameterBuilder, for sample: Shape
    ) throws(LayerError) -> (layer: any Layer, output: Shape) {
        let name = description.name ?? "\(index)"
        let kind = type(of: description.kind).kind
        let scope = name.isEmpty ? builder : builder.scope(name)
        guard name.isEmpty || names.insert(scope.path).inserted else {
            throw LayerError(
                path: scope.path, kind: kind, problem: "has the name of another layer; give each a name of its own")
        }
        let before = scope.trainableCount
        let layer = try description.kind.layer(LayerSite(builder: scope, sample: sample, assembly: self))
        do throws(ShapeError) {
            let output = try layer.outputShape(for: sample)
            summary.append(
                LayerSummary(
                    path: scope.path, kind: kind, output: output, parameters: scope.trainableCount - before))
            return (layer, output)
        } catch {
            throw LayerError(error, kind: kind)
        }
    }
}

/// A layer that cannot take its place in a network.
public struct LayerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The layer's name in the network, as in `encoder.conv.0`; empty for the whole network.
    public let path: String
    /// The kind of layer.
    public let kind: String
    /// What is wrong: the end of a sentence that begins with the layer.
    public let problem: String

    init(path: String, kind: String, problem: String) {
        self.path = path
        self.kind = kind
        self.problem = problem
    }

    init(_ error: ShapeError, kind: String) {
        self.init(
            path: error.path, kind: kind,
            problem: "takes \(error.expected), but its input is a sample of shape \(error.found)")
    }

    /// One sentence with the layer, its kind and both shapes.
    public var description: String { "layer '\(path)' (\(kind)) \(problem)" }
}
