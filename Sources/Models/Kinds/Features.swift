import Layers

/// A linear map of the last axis, as `torch.nn.Linear`.
struct Linear: LayerKind {
    static let kind = "linear"
    var out: Width
    var bias: Bool?

    func problems() -> [(key: String, problem: String)] { Self.faults(in: ["out": out]) }

    func layer(_ site: LayerSite) -> any Layer {
        Layers.Linear(site.builder, from: site.channels, to: site.count(out), bias: bias ?? true)
    }
}

/// All axes of a sample as one, channels first as in `torch.nn.Flatten`.
struct Flatten: PlainLayerKind {
    static let kind = "flatten"

    func layer(_ site: LayerSite) -> any Layer { Layers.Flatten(site.builder) }
}

/// Multiplication by a constant.
struct Scale: LayerKind {
    static let kind = "scale"
    var factor: Float

    func problems() -> [(key: String, problem: String)] {
        factor.isFinite ? [] : [("factor", "must be a finite number, found \(factor)")]
    }

    func layer(_ site: LayerSite) -> any Layer { Layers.Scale(site.builder, factor: factor) }
}

/// Elements left out at random in training, as `torch.nn.Dropout`.
struct Dropout: PlainLayerKind {
    static let kind = "dropout"
    var probability: Float?

    func problems() -> [(key: String, problem: String)] { Self.faults(inProbability: probability, key: "probability") }

    func layer(_ site: LayerSite) -> any Layer { Layers.Dropout(site.builder, probability: probability ?? 0.5) }
}

/// Whole channels left out at random in training, as `torch.nn.Dropout2d`.
struct Dropout2d: PlainLayerKind {
    static let kind = "dropout2d"
    var probability: Float?

    func problems() -> [(key: String, problem: String)] { Self.faults(inProbability: probability, key: "probability") }

    func layer(_ site: LayerSite) -> any Layer {
        Layers.Dropout(site.builder, probability: probability ?? 0.5, of: .channels)
    }
}
