import Layers

/// max(x, 0), as `torch.nn.ReLU`.
struct ReLU: PlainLayerKind {
    static let kind = "relu"

    func layer(_ site: LayerSite) -> any Layer { Layers.ReLU(site.builder) }
}

/// x, or `slope` · x where it is negative, as `torch.nn.LeakyReLU`.
struct LeakyReLU: PlainLayerKind {
    static let kind = "leaky_relu"
    var slope: Float?

    func problems() -> [(key: String, problem: String)] { Self.faults(inPositive: slope, key: "slope") }

    func layer(_ site: LayerSite) -> any Layer { Layers.LeakyReLU(site.builder, slope: slope ?? 0.01) }
}

/// x, or `alpha` · (eˣ − 1) where it is negative, as `torch.nn.ELU`.
struct ELU: PlainLayerKind {
    static let kind = "elu"
    var alpha: Float?

    func problems() -> [(key: String, problem: String)] { Self.faults(inPositive: alpha, key: "alpha") }

    func layer(_ site: LayerSite) -> any Layer { Layers.ELU(site.builder, alpha: alpha ?? 1) }
}

/// x times the normal distribution function of x, as `torch.nn.GELU`.
struct GELU: PlainLayerKind {
    static let kind = "gelu"
    var approximate: Layers.GELU.Form?

    func layer(_ site: LayerSite) -> any Layer { Layers.GELU(site.builder, form: approximate ?? .exact) }
}

/// x · sigmoid(x), as `torch.nn.SiLU`.
struct SiLU: PlainLayerKind {
    static let kind = "silu"

    func layer(_ site: LayerSite) -> any Layer { Layers.SiLU(site.builder) }
}

/// 1 / (1 + e⁻ˣ), as `torch.nn.Sigmoid`.
struct Sigmoid: PlainLayerKind {
    static let kind = "sigmoid"

    func layer(_ site: LayerSite) -> any Layer { Layers.Sigmoid(site.builder) }
}

/// The hyperbolic tangent, as `torch.nn.Tanh`.
struct Tanh: PlainLayerKind {
    static let kind = "tanh"

    func layer(_ site: LayerSite) -> any Layer { Layers.Tanh(site.builder) }
}

/// Shares that add up to 1 over channels or features, as `torch.nn.Softmax`.
struct Softmax: PlainLayerKind {
    static let kind = "softmax"

    func layer(_ site: LayerSite) -> any Layer { Layers.Softmax(site.builder) }
}
