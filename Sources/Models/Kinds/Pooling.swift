import Layers

/// The largest value of each window, as `torch.nn.MaxPool2d` and `MaxPool3d`.
struct MaxPoolOptions<Axes: Extent>: LayerKind {
    static var kind: String { "max_pool\(Axes.axes)d" }
    var kernel: Sizes<Axes>
    var stride: Sizes<Axes>?
    var padding: Sizes<Axes>?
    var dilation: Sizes<Axes>?

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: ["kernel": kernel, "stride": stride, "dilation": dilation])
            + Self.faults(in: ["padding": padding], allowed: LayerSize.orNothing)
            + Self.faults(inPadding: padding, kernel: kernel)
    }

    func layer(_ site: LayerSite) -> any Layer {
        MaxPool<Axes>(
            site.builder, kernel: kernel.extent, stride: stride?.extent, padding: padding?.extent ?? 0,
            dilation: dilation?.extent ?? 1)
    }
}

/// The mean of each window, as `torch.nn.AvgPool2d` and `AvgPool3d`.
struct AvgPoolOptions<Axes: Extent>: LayerKind {
    static var kind: String { "avg_pool\(Axes.axes)d" }
    var kernel: Sizes<Axes>
    var stride: Sizes<Axes>?
    var padding: Sizes<Axes>?
    var countIncludePad: Bool?

    enum CodingKeys: String, CodingKey {
        case kernel, stride, padding
        case countIncludePad = "count_include_pad"
    }

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: ["kernel": kernel, "stride": stride])
            + Self.faults(in: ["padding": padding], allowed: LayerSize.orNothing)
            + Self.faults(inPadding: padding, kernel: kernel)
    }

    func layer(_ site: LayerSite) -> any Layer {
        AveragePool<Axes>(
            site.builder, kernel: kernel.extent, stride: stride?.extent, padding: padding?.extent ?? 0,
            countsPadding: countIncludePad ?? true)
    }
}

/// The means of parts of a sample, `out` along each axis, as `torch.nn.AdaptiveAvgPool2d` and `AdaptiveAvgPool3d`.
struct AdaptiveAvgPoolOptions<Axes: Extent>: LayerKind {
    static var kind: String { "adaptive_avg_pool\(Axes.axes)d" }
    var out: Sizes<Axes>

    func problems() -> [(key: String, problem: String)] { Self.faults(in: ["out": out]) }

    func layer(_ site: LayerSite) -> any Layer { AdaptiveAveragePool<Axes>(site.builder, output: out.extent) }
}

typealias MaxPool2d = MaxPoolOptions<Extent2>
typealias MaxPool3d = MaxPoolOptions<Extent3>
typealias AvgPool2d = AvgPoolOptions<Extent2>
typealias AvgPool3d = AvgPoolOptions<Extent3>
typealias AdaptiveAvgPool2d = AdaptiveAvgPoolOptions<Extent2>
typealias AdaptiveAvgPool3d = AdaptiveAvgPoolOptions<Extent3>
