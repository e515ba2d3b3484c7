import Autograd
import Configuration
import Tensors

/// Normal with a mean and a standard deviation; matches `torch.nn.init.normal_`.
public struct Normal: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "normal"

    /// The mean.
    public var mean: Float = 0
    /// The standard deviation.
    public var std: Float = 1

    /// The standard normal distribution.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        std >= 0 && std.isFinite ? [] : [("std", "must not be negative, found \(std)")]
    }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        for index in 0..<shape.count { elements[index] = mean + std * random.normal() }
    }
}
