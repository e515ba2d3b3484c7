import Foundation
import Tensors

/// How a tensor differs from the expected one, in words for a test's failure.
public struct Disagreement: Equatable, Sendable, CustomStringConvertible {
    /// One sentence with the error, the worst element's index and both values.
    public let description: String
}

/// Nil when `actual` has the shape of `expected` and ‖actual − expected‖ ≤ `relative` · ‖expected‖ + `absolute` · √count.
///
/// The absolute part is for tensors whose exact value is zero, such as the gradient of a bias before batch norm.
public func disagreement(
    _ actual: Tensor, _ expected: Tensor, relative: Double, absolute: Double = 1e-7
) -> Disagreement? {
    guard actual.shape == expected.shape else {
        return Disagreement(description: "shape \(actual.shape) instead of \(expected.shape)")
    }
    let (found, wanted) = (actual.elements, expected.elements)
    let difference = norm(of: zip(found, wanted).map { Double($0) - Double($1) })
    let bound = relative * norm(of: wanted.map(Double.init)) + absolute * Double(actual.count).squareRoot()
    // A NaN makes the difference NaN, which is not within any bound.
    if difference <= bound { return nil }
    let worst = found.indices.max { distance(found[$0], wanted[$0]) < distance(found[$1], wanted[$1]) } ?? 0
    return Disagreement(
        description: "relative error \(relativeError(actual, expected)) with at most \(relative) allowed, worst at "
            + "\(indices(of: worst, in: actual.shape)): \(found[worst]) instead of \(wanted[worst])")
}

/// ‖actual − expected‖ / ‖expected‖ in double precision; 0 when both are zero.
///
/// - Precondition: the shapes are equal.
public func relativeError(_ actual: Tensor, _ expected: Tensor) -> Double {
    precondition(actual.shape == expected.shape, "\(actual.shape) is not comparable with \(expected.shape)")
    let difference = norm(of: zip(actual.elements, expected.elements).map { Double($0) - Double($1) })
    return difference == 0 ? 0 : difference / norm(of: expected.elements.map(Double.init))
}

/// Whether two tensors hold the same bits in the same shape.
public func isIdentical(_ a: Tensor, _ b: Tensor) -> Bool {
    a.shape == b.shape && zip(a.elements, b.elements).allSatisfy { $0.bitPattern == $1.bitPattern }
}

private func norm(of values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

/// How far apart two numbers are; a NaN is farthest from everything.
private func distance(_ a: Float, _ b: Float) -> Float { (a - b).isNaN ? .infinity : abs(a - b) }

private func indices(of offset: Int, in shape: Shape) -> [Int] {
    var rest = offset
    return shape.dimensions.reversed().map { size in
        defer { rest /= max(size, 1) }
        return rest % max(size, 1)
    }.reversed()
}
