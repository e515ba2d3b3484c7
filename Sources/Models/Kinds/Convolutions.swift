import Layers

/// Filters over images or clips, as `torch.nn.Conv2d` and `Conv3d`.
struct ConvolutionOptions<Axes: Extent>: LayerKind {
    static var kind: String { "conv\(Axes.axes)d" }
    var out: Width
    var kernel: Sizes<Axes>
    var stride: Sizes<Axes>?
    var padding: Sizes<Axes>?
    var dilation: Sizes<Axes>?
    var groups: Int?
    var bias: Bool?

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: [
            "out": out, "kernel": kernel, "stride": stride, "dilation": dilation, "groups": groups,
        ]) + Self.faults(in: ["padding": padding], allowed: LayerSize.orNothing)
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        let (channels, outputs, groups) = (site.channels, site.count(out), groups ?? 1)
        guard channels % groups == 0, outputs % groups == 0 else {
            throw site.error(
                Self.self,
                "\(Axes.sample) whose channels, as well as the \(outputs) of its output, make \(groups) groups")
        }
        return Convolution<Axes>(
            site.builder, from: channels, to: outputs, kernel: kernel.extent, stride: stride?.extent ?? 1,
            padding: padding?.extent ?? 0, dilation: dilation?.extent ?? 1, groups: groups, bias: bias ?? true)
    }
}

/// Filters over each channel by itself, giving as many channels: a convolution with as many groups.
struct DepthwiseConvolutionOptions<Axes: Extent>: LayerKind {
    static var kind: String { "depthwise_conv\(Axes.axes)d" }
    var kernel: Sizes<Axes>
    var stride: Sizes<Axes>?
    var padding: Sizes<Axes>?
    var dilation: Sizes<Axes>?
    var bias: Bool?

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: ["kernel": kernel, "stride": stride, "dilation": dilation])
            + Self.faults(in: ["padding": padding], allowed: LayerSize.orNothing)
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        let channels = max(site.channels, 1)
        return try ConvolutionOptions<Axes>(
            out: .count(channels), kernel: kernel, stride: stride, padding: padding, dilation: dilation,
            groups: channels, bias: bias
        ).layer(site)
    }
}

typealias Conv2d = ConvolutionOptions<Extent2>
typealias Conv3d = ConvolutionOptions<Extent3>
typealias DepthwiseConv2d = DepthwiseConvolutionOptions<Extent2>
typealias DepthwiseConv3d = DepthwiseConvolutionOptions<Extent3>
