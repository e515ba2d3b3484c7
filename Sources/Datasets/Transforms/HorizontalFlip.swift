import Configuration
import Tensors

/// Mirrors left and right in a share of the cases; of a clip all frames or none.
///
/// - Determinism: draws one number.
/// - Source: the same as torchvision's `RandomHorizontalFlip(probability)`.
public struct HorizontalFlip: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "horizontal_flip"
    /// It draws random numbers.
    public static let isRandom = true
    /// The share of the cases.
    public var probability: Float = 0.5

    /// A flip with probability one half.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        probability = try values.decodeIfPresent(Float.self, forKey: .probability) ?? probability
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        (0...1).contains(probability) ? [] : [("probability", "must be between 0 and 1, found \(probability)")]
    }

    /// Mirrors `sample` or leaves it.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        if visit.random.uniform() < probability { Self.mirror(&sample) }
    }

    /// Reverses the pixels of every row.
    package static func mirror(_ sample: inout Sample) {
        let shape = sample.shape
        sample.withMutablePixels { pixels in
            guard let base = pixels.baseAddress else { return }
            for row in 0..<shape.frames * shape.height {
                var left = base + row * shape.rowBytes
                var right = left + shape.rowBytes - shape.channels
                while left < right {
                    for channel in 0..<shape.channels {
                        let byte = left[channel]
                        left[channel] = right[channel]
                        right[channel] = byte
                    }
                    left += shape.channels
                    right -= shape.channels
                }
            }
        }
    }
}
