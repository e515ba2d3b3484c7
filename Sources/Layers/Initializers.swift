import Autograd
import Tensors

/// Every element the same.
public struct Constant: Initializer {
    let value: Float

    /// Fills with `value`.
    public init(_ value: Float) { self.value = value }

    /// Writes the constant.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        elements.update(repeating: value, count: shape.count)
    }
}

/// Uniform in ±`bound`.
public struct Uniform: Initializer {
    let bound: Float

    /// Draws from [−`bound`, `bound`).
    public init(bound: Float) { self.bound = bound }

    /// PyTorch's default for the weights and biases of linear and convolutional layers: ±1/√fan-in, which is
    /// `kaiming_uniform_` with a = √5.
    public init(fanIn: Int) { self.init(bound: 1 / Float(max(fanIn, 1)).squareRoot()) }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        for index in 0..<shape.count { elements[index] = random.uniform(-bound, bound) }
    }
}
