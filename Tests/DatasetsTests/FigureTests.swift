import Datasets
import Foundation
import Testing

@Suite("Figures")
struct FigureTests {
    /// The area of the part of a disc of radius `first` that a disc of radius `second` covers, `apart` away.
    private static func lens(_ first: Double, _ second: Double, apart: Double) -> Double {
        let one = (apart * apart + first * first - second * second) / (2 * apart)
        let two = apart - one
        return first * first * acos(one / first) - one * (first * first - one * one).squareRoot()
            + second * second * acos(two / second) - two * (second * second - two * two).squareRoot()
    }

    /// The area that follows from each figure's construction.
    private static func area(_ figure: Figure) -> Double {
        switch figure {
        case .circle: .pi * 0.85 * 0.85
        case .square: 1.5 * 1.5
        case .triangle: 0.75 * 3.0.squareRoot()
        case .cross: 2 * 1.9 * 0.54 - 0.54 * 0.54
        case .ring: .pi * (0.88 * 0.88 - 0.48 * 0.48)
        case .star: 10 * tan(.pi / 10) / (3 - tan(.pi / 10) * tan(.pi / 10))
        case .crescent: .pi * 0.9 * 0.9 - lens(0.9, 0.72, apart: 0.42)
        case .heart: 1.12 * 1.12 + .pi * 0.56 * 0.56
        case .arrow: 0.95 * 0.44 + 0.95 * 0.95 * 0.607 / 0.795
        case .bars: 2 * 1.6 * 0.44
        }
    }

    @Test("every figure lies about the unit disc and has the area of its construction", arguments: Figure.allCases)
    func hasArea(figure: Figure) {
        let spacing = 0.02
        var inside = 0
        var reach = 0.0
        for row in 0..<128 {
            for first in stride(from: 0, to: 128, by: 8) {
                // The grid is turned, so that none of its lines runs along an edge.
                let (x, y) = (Lanes((0..<8).map { Float(first + $0) - 63.5 }), Float(row) - 63.5)
                let right = (0.8 * x - 0.6 * y) * Float(spacing)
                let up = (0.6 * x + 0.8 * y) * Float(spacing)
                let distances = figure.distance(right, up)
                for lane in 0..<8 where distances[lane] < 0 {
                    inside += 1
                    reach = max(reach, Double(right[lane] * right[lane] + up[lane] * up[lane]).squareRoot())
                }
            }
        }
        #expect(0.8 < reach && reach < 1.13, "the farthest point inside is \(reach) away")
        let area = Double(inside) * spacing * spacing
        #expect(abs(area / Self.area(figure) - 1) < 0.02, "\(area) where \(Self.area(figure)) was expected")
    }
}
