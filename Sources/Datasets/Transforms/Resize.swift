import Configuration

/// Resizes to a given number of rows and columns, smoothing when it makes smaller.
///
/// - Determinism: whole numbers only once the weights are made; the same bytes on every host.
/// - Source: Pillow's `resize((width, height), BILINEAR)`, bit for bit where Pillow resizes rows before columns, which it
///   does unless the height shrinks much more than the width.
public struct Resize: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "resize"
    /// It draws no random numbers.
    public static let isRandom = false
    /// The rows of the result.
    public var height = 32
    /// The columns of the result.
    public var width = 32

    /// A resize to 32 × 32 pixels.
    public init() {}

    /// A resize to `height` × `width` pixels.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    private enum CodingKeys: String, CodingKey { case size, height, width }

    /// Reads `height` and `width`, or `size` for both.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let size = try values.decodeIfPresent(Int.self, forKey: .size)
        height = try values.decodeIfPresent(Int.self, forKey: .height) ?? size ?? height
        width = try values.decodeIfPresent(Int.self, forKey: .width) ?? size ?? width
    }

    /// Writes `height` and `width`.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(height, forKey: .height)
        try values.encode(width, forKey: .width)
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        [("height", height), ("width", width)].filter { !(1...4096).contains($0.1) }
            .map { ($0.0, "must be between 1 and 4096, found \($0.1)") }
    }

    /// `height` × `width` pixels.
    public func outputShape(for shape: SampleShape) -> SampleShape {
        SampleShape(frames: shape.frames, height: height, width: width, channels: shape.channels)
    }

    /// Resizes all frames of `sample` alike: first the rows, then the columns.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let shape = sample.shape
        if shape.width != width {
            let weights = ResizeWeights(from: shape.width, to: width)
            let narrow = SampleShape(
                frames: shape.frames, height: shape.height, width: width, channels: shape.channels)
            sample.replacePixels(with: narrow) { source, target in
                for row in 0..<shape.frames * shape.height {
                    weights.apply(
                        source + row * shape.rowBytes, to: target + row * narrow.rowBytes, stride: shape.channels,
                        values: shape.channels)
                }
            }
        }
        let between = sample.shape
        if between.height != height {
            let weights = ResizeWeights(from: between.height, to: height)
            let whole = outputShape(for: between)
            sample.replacePixels(with: whole) { source, target in
                for frame in 0..<shape.frames {
                    weights.apply(
                        source + frame * between.height * between.rowBytes,
                        to: target + frame * height * between.rowBytes, stride: between.rowBytes,
                        values: between.rowBytes)
                }
            }
        }
    }
}

/// How much each old place along one axis counts for each new one, in units of 2⁻²².
private struct ResizeWeights {
    private static let bits = 22
    /// For each new place the first old one and how many follow.
    private let windows: [(first: Int, count: Int)]
    /// The weights of all windows, one after the other.
    private let weights: [Int]
    private let starts: [Int]

    /// A triangle over each new place, as wide as the distance of new places in old ones, and at least two.
    init(from old: Int, to new: Int) {
        let scale = Double(old) / Double(new)
        let reach = max(scale, 1)
        var (windows, weights, starts) = ([(first: Int, count: Int)](), [Int](), [Int]())
        for place in 0..<new {
            let centre = (Double(place) + 0.5) * scale
            let first = max(0, Int(centre - reach + 0.5))
            let count = min(old, Int(centre + reach + 0.5)) - first
            let heights = (0..<count).map { max(0, 1 - abs((Double($0 + first) - centre + 0.5) * (1 / reach))) }
            // Products with reciprocals as in Pillow: a quotient differs in the last bit.
            let sum = heights.reduce(0, +)
            windows.append((first, count))
            starts.append(weights.count)
            weights += heights.map { Int(0.5 + $0 * (1 / sum) * Double(1 << Self.bits)) }
        }
        (self.windows, self.weights, self.starts) = (windows, weights, starts)
    }

    /// Makes `values` bytes for each new place from as many for each old one; places are `stride` bytes apart.
    func apply(_ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<UInt8>, stride: Int, values: Int) {
        weights.withUnsafeBufferPointer { weights in
            for (place, window) in windows.enumerated() {
                let old = source + window.first * stride
                let new = target + place * stride
                let start = starts[place]
                for value in 0..<values {
                    var sum = 1 << (Self.bits - 1)
                    for tap in 0..<window.count { sum += weights[start + tap] * Int(old[tap * stride + value]) }
                    new[value] = UInt8(min(255, sum >> Self.bits))
                }
            }
        }
    }
}
