import Tensors

/// Pads every side with black pixels and cuts the original size out at a random place: a random shift.
///
/// - Determinism: draws the row, then the column, each equally likely in 0 ... 2 · padding.
/// - Source: He et al. 2016, section 4.2; the same as torchvision's `RandomCrop(size, padding)` before normalisation.
public struct RandomCrop: Transform {
    /// The name in ``TransformCatalog``.
    public let name = "random_crop"
    /// The number of black pixels at each side.
    public let padding: Int

    /// A crop after padding each side with `padding` pixels.
    public init(padding: Int = 4) {
        precondition(padding >= 0, "padding is not negative")
        self.padding = padding
    }

    /// Shifts all frames of `sample` alike.
    public func apply(to sample: inout Sample, random: inout RandomStream) {
        let down = random.integer(below: 2 * padding + 1) - padding
        let right = random.integer(below: 2 * padding + 1) - padding
        if down != 0 || right != 0 { Self.shift(&sample, from: (down, right)) }
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
