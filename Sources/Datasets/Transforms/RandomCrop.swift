import Configuration
import Tensors

/// Pads every side with black pixels and cuts a picture of `size` out at a random place.
///
/// Without a size the picture keeps its own: a random shift.
///
/// - Determinism: draws the row, then the column, each equally likely in 0 ... 2 · padding + H − size.
/// - Source: He et al. 2016, section 4.2; the same as torchvision's `RandomCrop(size, padding)` before normalisation.
public struct RandomCrop: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "random_crop"
    /// It draws random numbers.
    public static let isRandom = true
    /// The rows and columns of the result; without it those of the sample.
    public var size: Nullable<Int> = nil
    /// The number of black pixels at each side; by default 4, or none when there is a size.
    public var padding = 4

    /// A shift by at most 4 pixels.
    public init() {}

    /// A shift by at most `padding` pixels.
    public init(padding: Int) { self.padding = padding }

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        size = try values.decodeIfPresent(Nullable<Int>.self, forKey: .size) ?? nil
        padding = try values.decodeIfPresent(Int.self, forKey: .padding) ?? (size.value == nil ? 4 : 0)
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        if let size = size.value, size < 1 { problems.append(("size", "must be null or at least 1, found \(size)")) }
        if !(0...1024).contains(padding) {
            problems.append(("padding", "must be between 0 and 1024, found \(padding)"))
        }
        return problems
    }

    /// `size` × `size` pixels, or the sample's own shape.
    public func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape {
        guard let size = size.value else { return shape }
        return try Crop.outputShape(for: shape, size: size, padding: padding, by: Self.name)
    }

    /// Cuts all frames of `sample` alike.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let shape = sample.shape
        let (height, width) = (size.value ?? shape.height, size.value ?? shape.width)
        let y = visit.random.integer(below: 2 * padding + shape.height - height + 1) - padding
        let x = visit.random.integer(below: 2 * padding + shape.width - width + 1) - padding
        if size.value == nil {
            if y != 0 || x != 0 { Self.shift(&sample, from: (y, x)) }
        } else {
            Crop.cut(&sample, from: (y, x), height: height, width: width)
        }
    }

    /// Makes pixel (y, x) the one that was at (y + origin.y, x + origin.x), or black where there was none.
    ///
    /// Works in place: rows are moved in the order in which no row is overwritten before it was read.
    package static func shift(_ sample: inout Sample, from origin: (y: Int, x: Int)) {
        let shape = sample.shape
        let rowBytes = shape.rowBytes
        let moved = min(abs(origin.x), shape.width) * shape.channels
        sample.withMutablePixels { pixels in
            guard let base = pixels.baseAddress else { return }
            for frame in 0..<shape.frames {
                let first = base + frame * shape.height * rowBytes
                for step in 0..<shape.height {
                    let y = origin.y >= 0 ? step : shape.height - 1 - step
                    let row = first + y * rowBytes
                    guard (0..<shape.height).contains(y + origin.y) else {
                        row.update(repeating: 0, count: rowBytes)
                        continue
                    }
                    let source = row + origin.y * rowBytes
                    if origin.x >= 0 {
                        row.update(from: source + moved, count: rowBytes - moved)
                        (row + rowBytes - moved).update(repeating: 0, count: moved)
                    } else {
                        (row + moved).update(from: source, count: rowBytes - moved)
                        row.update(repeating: 0, count: moved)
                    }
                }
            }
        }
    }
}
