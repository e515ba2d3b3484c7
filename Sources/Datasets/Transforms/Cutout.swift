import Configuration
import Tensors

/// Covers a square at a random place; the part beyond the border is lost.
///
/// - Determinism: draws the row, then the column of the centre.
/// - Source: DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout".
public struct Cutout: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "cutout"
    /// It draws random numbers.
    public static let isRandom = true
    /// The side of the square in pixels.
    public var size = 8
    /// The level of all channels of a covered pixel.
    public var fill: UInt8 = 0

    /// A black square of 8 × 8 pixels.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        size = try values.decodeIfPresent(Int.self, forKey: .size) ?? size
        fill = try values.decodeIfPresent(UInt8.self, forKey: .fill) ?? fill
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        size >= 1 ? [] : [("size", "must be at least 1, found \(size)")]
    }

    /// Covers the same place of all frames.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let y = visit.random.integer(below: sample.shape.height) - size / 2
        let x = visit.random.integer(below: sample.shape.width) - size / 2
        Self.cover(&sample, rows: y..<y + size, columns: x..<x + size, fill: fill)
    }

    /// Covers a rectangle of all frames as far as it lies inside.
    static func cover(_ sample: inout Sample, rows: Range<Int>, columns: Range<Int>, fill: UInt8) {
        let shape = sample.shape
        let rows = rows.clamped(to: 0..<shape.height)
        let columns = columns.clamped(to: 0..<shape.width)
        sample.withMutablePixels { pixels in
            guard let base = pixels.baseAddress else { return }
            for frame in 0..<shape.frames {
                for row in rows {
                    let start = ((frame * shape.height + row) * shape.width + columns.lowerBound) * shape.channels
                    (base + start).update(repeating: fill, count: columns.count * shape.channels)
                }
            }
        }
    }
}
