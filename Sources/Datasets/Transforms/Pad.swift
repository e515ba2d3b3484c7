import Configuration

/// Puts black pixels around a sample.
///
/// - Source: the same as torchvision's `Pad(padding)`.
public struct Pad: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "pad"
    /// It draws no random numbers.
    public static let isRandom = false
    /// The number of pixels at each side.
    public var padding = 4

    /// Four pixels at each side.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        padding = try values.decodeIfPresent(Int.self, forKey: .padding) ?? padding
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        (0...1024).contains(padding) ? [] : [("padding", "must be between 0 and 1024, found \(padding)")]
    }

    /// The sample's sizes and twice the padding.
    public func outputShape(for shape: SampleShape) -> SampleShape {
        SampleShape(
            frames: shape.frames, height: shape.height + 2 * padding, width: shape.width + 2 * padding,
            channels: shape.channels)
    }

    /// Enlarges all frames of `sample` alike.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let shape = outputShape(for: sample.shape)
        Crop.cut(&sample, from: (-padding, -padding), height: shape.height, width: shape.width)
    }
}
