import Autograd
import Configuration
import Tensors

/// Uniform in [`lower`, `upper`); matches `torch.nn.init.uniform_`.
public struct Uniform: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static let name = "uniform"

    /// The least value.
    public var lower: Float = 0
    /// The bound that no value reaches.
    public var upper: Float = 1

    /// Between 0 and 1.
    public init() {}

    /// Draws from [−`bound`, `bound`).
    public init(bound: Float) {
        lower = -bound
        upper = bound
    }

    /// PyTorch's default for the weights and biases of linear and convolutional layers: ±1/√fan-in, which is
    /// `kaiming_uniform_` with a = √5.
    public init(fanIn: Int) { self.init(bound: 1 / Float(max(fanIn, 1)).squareRoot()) }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        lower < upper && (upper - lower).isFinite ? [] : [("upper", "must be above lower (\(lower)), found \(upper)")]
    }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        for index in 0..<shape.count { elements[index] = random.uniform(lower, upper) }
    }
}
