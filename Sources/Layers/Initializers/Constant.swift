import Autograd
import Configuration
import Tensors

/// Every element the same; matches `torch.nn.init.constant_`.
public struct Constant: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "constant"

    /// The value.
    public var value: Float = 0

    /// Zeros.
    public init() {}

    /// Fills with `value`.
    public init(_ value: Float) { self.value = value }

    /// Writes the constant.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        elements.update(repeating: value, count: shape.count)
    }
}
