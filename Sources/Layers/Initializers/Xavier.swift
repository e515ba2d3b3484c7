import Autograd
import Configuration
import Tensors

/// A standard deviation of gain · √(2 / (fan-in + fan-out)); matches `torch.nn.init.xavier_normal_` and
/// `xavier_uniform_`.
///
/// - Source: Glorot and Bengio 2010.
public struct Xavier<Distribution: ScaledDistribution>: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static var name: String { "xavier_" + Distribution.name }

    /// Factor of the standard deviation.
    public var gain = 1.0

    /// A gain of 1.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] { gainProblems(gain) }

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        let fans = Fans(shape)
        let deviation = Float(gain * (2 / max(fans.input + fans.output, 1)).squareRoot())
        for index in 0..<shape.count { elements[index] = Distribution.draw(deviation: deviation, &random) }
    }
}

/// What is wrong with a gain.
func gainProblems(_ gain: Double) -> [(key: String, problem: String)] {
    gain > 0 && gain.isFinite ? [] : [("gain", "must be positive, found \(gain)")]
}
