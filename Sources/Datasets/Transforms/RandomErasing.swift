import Configuration
import Foundation
import Tensors

/// Covers a rectangle of random size, proportions and place in a share of the cases.
///
/// - Determinism: draws whether, then area, proportions and place; `exp` and `log` are the host's.
/// - Source: Zhong et al. 2017, "Random erasing data augmentation"; the rules of torchvision's `RandomErasing`.
public struct RandomErasing: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "random_erasing"
    /// It draws random numbers.
    public static let isRandom = true
    /// The share of the cases.
    public var probability: Float = 0.5
    /// The smallest and the largest share of the picture that is covered.
    public var scale: [Float] = [0.02, 0.33]
    /// The smallest and the largest ratio of the rectangle's height to its width.
    public var ratio: [Float] = [0.3, 3.3]
    /// The level of all channels of a covered pixel.
    public var fill: UInt8 = 0

    /// The parameters of the paper.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        probability = try values.decodeIfPresent(Float.self, forKey: .probability) ?? probability
        scale = try values.decodeIfPresent([Float].self, forKey: .scale) ?? scale
        ratio = try values.decodeIfPresent([Float].self, forKey: .ratio) ?? ratio
        fill = try values.decodeIfPresent(UInt8.self, forKey: .fill) ?? fill
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        if !(0...1).contains(probability) {
            problems.append(("probability", "must be between 0 and 1, found \(probability)"))
        }
        if scale.count != 2 || !(0 < scale[0] && scale[0] <= scale[1] && scale[1] <= 1) {
            problems.append(("scale", "must be two numbers above 0 and up to 1, the smaller first, found \(scale)"))
        }
        if ratio.count != 2 || !(0 < ratio[0] && ratio[0] <= ratio[1]) {
            problems.append(("ratio", "must be two numbers above 0, the smaller first, found \(ratio)"))
        }
        return problems
    }

    /// Covers the same place of all frames.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        guard visit.random.uniform() < probability else { return }
        let (height, width) = (sample.shape.height, sample.shape.width)
        // Some rectangles do not fit; ten in a row hardly ever.
        for _ in 0..<10 {
            let area = Float(height * width) * visit.random.uniform(scale[0], scale[1])
            let proportion = exp(visit.random.uniform(log(ratio[0]), log(ratio[1])))
            let rows = Int((area * proportion).squareRoot().rounded(.toNearestOrEven))
            let columns = Int((area / proportion).squareRoot().rounded(.toNearestOrEven))
            guard rows < height, columns < width else { continue }
            let y = visit.random.integer(below: height - rows + 1)
            let x = visit.random.integer(below: width - columns + 1)
            return Cutout.cover(&sample, rows: y..<y + rows, columns: x..<x + columns, fill: fill)
        }
    }
}
