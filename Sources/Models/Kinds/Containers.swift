import Layers
import Tensors

/// A kind whose options are a list of layers.
protocol LayerListKind: LayerKind {
    var layers: [LayerDescription] { get }
    init(layers: [LayerDescription])
}

extension LayerListKind {
    init(@NetworkBuilder _ layers: () -> [LayerDescription]) { self.init(layers: layers()) }

    init(from decoder: any Decoder) throws {
        self.init(layers: try decoder.singleValueContainer().decode([LayerDescription].self))
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(layers)
    }
}

/// Layers one after another, as `torch.nn.Sequential`.
struct Sequential: LayerListKind {
    static let kind = "sequential"
    var layers: [LayerDescription]

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer { try site.chain(layers, for: site.sample).layer }
}

/// Layers for each frame of a clip by itself.
struct Frames: LayerListKind {
    static let kind = "frames"
    var layers: [LayerDescription]

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        guard site.sample.rank > 1 else { throw site.error(Self.self, "a clip [T, H, W, C] or a sequence [T, F]") }
        let frame = Shape(Array(site.sample.dimensions.dropFirst()))
        return Layers.Frames(site.builder, try site.chain(layers, for: frame).layer)
    }
}

/// The sum of a body and a shortcut, which is the input itself if left out.
///
/// The body's layers have their names in the block's own scope, as if the block were a sequence of them; the shortcut's
/// lie in a scope of their own, `shortcut`.
struct Residual: LayerKind {
    static let kind = "residual"
    var body: [LayerDescription]
    var shortcut: LayerDescription?

    init(shortcut: LayerDescription? = nil, @NetworkBuilder body: () -> [LayerDescription]) {
        self.body = body()
        self.shortcut = shortcut
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        let body = try site.chain(body, for: site.sample).layer
        guard let shortcut else { return Layers.Residual(site.builder, body: body) }
        let branch = LayerDescription(shortcut.kind, name: shortcut.name ?? "shortcut")
        return Layers.Residual(site.builder, body: body, shortcut: try site.branches([branch])[0])
    }
}

/// Layers for the same input, whose channels or features are put one behind the other, as `torch.cat` does.
struct Concatenation: LayerListKind {
    static let kind = "concatenation"
    var layers: [LayerDescription]

    func problems() -> [(key: String, problem: String)] {
        layers.isEmpty ? [("", "must hold at least one layer")] : []
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        Layers.Concatenation(site.builder, try site.branches(layers))
    }
}
