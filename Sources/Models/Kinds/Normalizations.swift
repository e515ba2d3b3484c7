import Layers
import Tensors

/// Normalisation of each channel over the batch, as `torch.nn.BatchNorm2d` and `BatchNorm3d`.
struct BatchNormOptions<Axes: Extent>: PlainLayerKind {
    static var kind: String { "batch_norm\(Axes.axes)d" }
    var epsilon: Float?
    var momentum: Float?
    var affine: Bool?

    func problems() -> [(key: String, problem: String)] {
        let found = Self.faults(inPositive: epsilon, key: "epsilon")
        guard let momentum, !(0...1).contains(momentum) else { return found }
        return found + [("momentum", "must be between 0 and 1, found \(momentum)")]
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        guard site.sample.rank == Axes.axes + 1 else {
            throw site.error(Self.self, "\(Axes.sample) [\(Axes.names), C]")
        }
        return BatchNorm(
            site.builder, channels: site.channels, epsilon: epsilon ?? 1e-5, momentum: momentum ?? 0.1,
            affine: affine ?? true)
    }
}

/// Normalisation of groups of channels of each sample, as `torch.nn.GroupNorm`.
struct GroupNorm: LayerKind {
    static let kind = "group_norm"
    var groups: Int
    var epsilon: Float?
    var affine: Bool?

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: ["groups": groups]) + Self.faults(inPositive: epsilon, key: "epsilon")
    }

    func layer(_ site: LayerSite) throws(LayerError) -> any Layer {
        guard site.channels % groups == 0 else { throw site.error(Self.self, "channels that make \(groups) groups") }
        return Layers.GroupNorm(
            site.builder, groups: groups, channels: site.channels, epsilon: epsilon ?? 1e-5, affine: affine ?? true)
    }
}

typealias BatchNorm2d = BatchNormOptions<Extent2>
typealias BatchNorm3d = BatchNormOptions<Extent3>
