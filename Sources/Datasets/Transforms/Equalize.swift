/// Equalises the histogram of each channel: grey levels become about equally frequent.
///
/// The frames of a clip share one histogram, so that they change alike.
///
/// - Source: Pillow's `ImageOps.equalize`, bit for bit.
public struct Equalize: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "equalize"
    /// It draws no random numbers.
    public static let isRandom = false

    /// The transform.
    public init() {}

    /// Changes all channels of `sample`, each by its own histogram.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let channels = sample.shape.channels
        sample.withMutablePixels { pixels in
            guard let base = pixels.baseAddress else { return }
            for channel in 0..<channels {
                var histogram = [Int](repeating: 0, count: 256)
                histogram.withUnsafeMutableBufferPointer { histogram in
                    for place in stride(from: channel, to: pixels.count, by: channels) {
                        histogram[Int(base[place])] += 1
                    }
                }
                guard let table = Self.table(histogram) else { continue }
                table.withUnsafeBufferPointer { table in
                    for place in stride(from: channel, to: pixels.count, by: channels) {
                        base[place] = table[Int(base[place])]
                    }
                }
            }
        }
    }

    /// The new level of each old one; nil when there is nothing to equalise.
    private static func table(_ histogram: [Int]) -> [UInt8]? {
        guard let last = histogram.last(where: { $0 > 0 }) else { return nil }
        let step = (histogram.reduce(0, +) - last) / 255
        guard step > 0, histogram.count(where: { $0 > 0 }) > 1 else { return nil }
        var sum = step / 2
        return histogram.map { count in
            defer { sum += count }
            return UInt8(min(255, sum / step))
        }
    }
}
