import Tensors

/// Mirrors left and right in half of the cases; of a clip all frames or none.
///
/// - Determinism: draws one number.
/// - Source: the same as torchvision's `RandomHorizontalFlip(0.5)`.
public struct HorizontalFlip: Transform {
    /// The name in ``TransformCatalog``.
    public let name = "horizontal_flip"

    /// A flip with probability one half.
    public init() {}

    /// Mirrors `sample` or leaves it.
    public func apply(to sample: inout Sample, random: inout RandomStream) {
        if random.uniform() < 0.5 { Self.mirror(&sample) }
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
