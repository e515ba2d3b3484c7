import Autograd
import Configuration
import Tensors

/// Normal, but only within [`lower`, `upper`]; matches `torch.nn.init.trunc_normal_`.
///
/// Numbers outside are drawn again, which gives the same distribution as PyTorch's inversion.
public struct TruncatedNormal: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "truncated_normal"

    /// The mean of the whole distribution.
    public var mean: Float = 0
    /// The standard deviation of the whole distribution.
    public var std: Float = 1
    /// The least value.
    public var lower: Float = -2
    /// The largest value.
    public var upper: Float = 2

    /// PyTorch's defaults.
    public init() {}

    /// Impossible values, by key; the bounds must leave enough of the distribution to find it by drawing again.
    public func problems() -> [(key: String, problem: String)] {
        if !(std > 0 && std.isFinite) { return [("std", "must be positive, found \(std)")] }
        if !(lower <= mean && mean <= upper) {
            return [("mean", "must lie between lower (\(lower)) and upper (\(upper)), found \(mean)")]
        }
        if !(upper - lower >= std / 10) {
            return [("upper", "must be at least a tenth of std (\(std)) above lower (\(lower)), found \(upper)")]
        }
        return []
    }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        for index in 0..<shape.count {
            repeat { elements[index] = mean + std * random.normal() } while !(lower...upper).contains(elements[index])
        }
    }
}
