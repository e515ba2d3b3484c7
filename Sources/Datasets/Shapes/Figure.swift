/// Eight numbers side by side: eight neighbouring pixels are drawn at once.
package typealias Lanes = SIMD8<Float>

/// The figures that `Shapes` draws; the raw value is the label.
package enum Figure: Int, CaseIterable, Sendable {
    case circle, square, triangle, cross, ring, star, crescent, heart, arrow, bars

    /// The name of the class.
    package var name: String { "\(self)" }

    /// How far points (x, y) are outside the figure, negative inside; the figure fills about the unit disc.
    ///
    /// At the edge the value falls by one for each unit of length, which is what anti-aliasing needs; off the edge it is
    /// a bound of the distance only. Formulas are intersections (`max`) and unions (`min`) of discs and half-planes.
    @inline(__always)
    package func distance(_ x: Lanes, _ y: Lanes) -> Lanes {
        switch self {
        case .circle:
            return length(x, y) - 0.85
        case .square:
            return larger(magnitude(x), magnitude(y)) - 0.75
        case .triangle:
            return larger(0.866_025_4 * magnitude(x) + 0.5 * y, -y) - 0.5
        case .cross:
            let (x, y) = (magnitude(x), magnitude(y))
            return larger(larger(x, y) - 0.95, smaller(x, y) - 0.27)
        case .ring:
            return magnitude(length(x, y) - 0.68) - 0.2
        case .star:
            return star(x, y)
        case .crescent:
            return larger(length(x, y) - 0.9, 0.72 - length(x - 0.42, y))
        case .heart:
            let x = magnitude(x)
            return smaller(0.707_106_8 * (x + magnitude(y)) - 0.56, length(x - 0.396, y - 0.396) - 0.56)
        case .arrow:
            let y = magnitude(y)
            let shaft = larger(larger(-0.95 - x, x - 0.1), y - 0.22)
            return smaller(shaft, larger(-x, 0.607 * (x - 0.95) + 0.795 * y))
        case .bars:
            return larger(magnitude(magnitude(y) - 0.5) - 0.22, magnitude(x) - 0.8)
        }
    }

    /// A pentagram: a point is inside when it is behind at least four of the five lines that bound the inner pentagon.
    @inline(__always)
    private func star(_ x: Lanes, _ y: Lanes) -> Lanes {
        let x = magnitude(x)
        // The lines' normals are at 90°, 18°, 162°, 306° and 234°. With x ≥ 0 the second of each mirrored pair is never
        // further out than the first; the second largest of all five decides.
        let (upper, lower) = (0.951_056_5 * x + 0.309_017 * y, 0.587_785_3 * x - 0.809_017 * y)
        let (upperLeft, lowerLeft) = (0.309_017 * y - 0.951_056_5 * x, -0.809_017 * y - 0.587_785_3 * x)
        let first = larger(upper, lower)
        var second = larger(smaller(upper, lower), larger(upperLeft, lowerLeft))
        second = larger(second, smaller(first, y))
        return second - 0.309_017
    }
}

@inline(__always)
private func length(_ x: Lanes, _ y: Lanes) -> Lanes { (x * x + y * y).squareRoot() }

@inline(__always)
private func magnitude(_ x: Lanes) -> Lanes { larger(x, -x) }

// The standard library's `pointwiseMax` and `pointwiseMin` go lane by lane; a comparison and a choice are two
// instructions for all.
@inline(__always)
func larger(_ first: Lanes, _ second: Lanes) -> Lanes { first.replacing(with: second, where: first .< second) }

@inline(__always)
func smaller(_ first: Lanes, _ second: Lanes) -> Lanes { first.replacing(with: second, where: second .< first) }
