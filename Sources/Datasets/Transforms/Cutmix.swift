import Configuration
import Tensors

/// Puts a rectangle of its neighbour into each sample of a batch; the loss follows the areas.
///
/// - Determinism: draws λ, which sets the area, then the centre of the rectangle, one for the batch.
/// - Source: Yun et al. 2019, "CutMix: regularization strategy to train strong classifiers with localizable features";
///   pairs and rounding as in torchvision's `CutMix(alpha)`.
public struct Cutmix: BatchTransform {
    /// The name in ``TransformCatalog``.
    public static let name = "cutmix"
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

    /// Replaces the same rectangle of all rows and frames; returns the share of the pixels that stay.
    public func mix(
        _ rows: UnsafeMutablePointer<Float>, count: Int, shape: SampleShape, random: inout RandomStream
    ) -> Float {
        let ratio = 0.5 * (1 - random.beta(Double(alpha))).squareRoot()
        let x = random.integer(below: shape.width)
        let y = random.integer(below: shape.height)
        return Self.paste(rows, count: count, shape: shape, centre: (x, y), ratio: ratio)
    }

    /// Replaces a rectangle around `centre` that reaches `ratio` of the sides to each direction, as far as it fits.
    package static func paste(
        _ rows: UnsafeMutablePointer<Float>, count: Int, shape: SampleShape, centre: (x: Int, y: Int), ratio: Double
    ) -> Float {
        let (right, down) = (Int(ratio * Double(shape.width)), Int(ratio * Double(shape.height)))
        let columns = max(0, centre.x - right)..<min(shape.width, centre.x + right)
        let lines = max(0, centre.y - down)..<min(shape.height, centre.y + down)
        RowRing.replace(rows, count: count, size: shape.count) { row, other in
            for frame in 0..<shape.frames {
                for line in lines {
                    let start =
                        ((frame * shape.height + line) * shape.width + columns.lowerBound) * shape.channels
                    (row + start).update(from: other + start, count: columns.count * shape.channels)
                }
            }
        }
        return 1 - Float(columns.count * lines.count) / Float(shape.width * shape.height)
    }
}
