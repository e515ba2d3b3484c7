import Configuration
import Tensors

/// Blends each sample of a batch with its neighbour: λ of itself and 1 − λ of the other, in pixels and in the loss.
///
/// - Determinism: draws λ, one for the batch.
/// - Source: Zhang et al. 2017, "mixup: beyond empirical risk minimization"; pairs as in torchvision's `MixUp(alpha)`.
public struct Mixup: BatchTransform {
    /// The name in ``TransformCatalog``.
    public static let name = "mixup"
    /// Both parameters of the beta distribution of λ.
    public var alpha: Float = 1

    /// λ equally likely between 0 and 1.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        alpha = try values.decodeIfPresent(Float.self, forKey: .alpha) ?? alpha
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        alpha > 0 && alpha.isFinite ? [] : [("alpha", "must be above 0, found \(alpha)")]
    }

    /// Blends the rows by a random λ, which it returns.
    public func mix(
        _ rows: UnsafeMutablePointer<Float>, count: Int, shape: SampleShape, random: inout RandomStream
    ) -> Float {
        let weight = Float(random.beta(Double(alpha)))
        Self.blend(rows, count: count, size: shape.count, weight: weight)
        return weight
    }

    /// Makes row i `weight` of itself and the rest of row i − 1.
    package static func blend(_ rows: UnsafeMutablePointer<Float>, count: Int, size: Int, weight: Float) {
        RowRing.replace(rows, count: count, size: size) { row, other in
            for place in 0..<size { row[place] = row[place] * weight + other[place] * (1 - weight) }
        }
    }
}

/// Visits the rows of a batch, each with the one before it as it was; before the first comes the last.
enum RowRing {
    /// Calls `change` with each row and its neighbour, from the last row to the first.
    static func replace(
        _ rows: UnsafeMutablePointer<Float>, count: Int, size: Int,
        _ change: (UnsafeMutablePointer<Float>, UnsafePointer<Float>) -> Void
    ) {
        guard count > 1 else { return }
        // The first row's neighbour is changed before its turn.
        let last = UnsafeMutablePointer<Float>.allocate(capacity: size)
        defer { last.deallocate() }
        last.update(from: rows + (count - 1) * size, count: size)
        for row in stride(from: count - 1, to: 0, by: -1) { change(rows + row * size, rows + (row - 1) * size) }
        change(rows, last)
    }
}
