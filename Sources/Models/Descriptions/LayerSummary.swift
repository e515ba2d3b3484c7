import Tensors

/// A line of a network's summary.
public struct LayerSummary: Sendable, Equatable {
    /// The layer's name, under which observers find it.
    public let path: String
    /// The kind of layer.
    public let kind: String
    /// The shape of one sample's output; inside `frames` that of one frame.
    public let output: Shape
    /// The number of trained numbers, those of inner layers included.
    public let parameters: Int
}
