import Autograd
import Configuration
import Tensors

/// A standard deviation of gain / √fan; matches `torch.nn.init.kaiming_normal_` and `kaiming_uniform_`.
///
/// - Source: He et al. 2015, "Delving deep into rectifiers".
public struct Kaiming<Distribution: ScaledDistribution>: WeightInitializer, Initializer {
    /// The name in the configuration.
    public static var name: String { "kaiming_" + Distribution.name }

    /// Which of a layer's fans counts.
    public enum Mode: String, Codable, Sendable, CaseIterable {
        /// Keeps the variance of the forward pass.
        case fanIn = "fan_in"
        /// Keeps the variance of the backward pass.
        case fanOut = "fan_out"
    }

    /// Which of a layer's fans counts.
    public var mode = Mode.fanIn
    /// What follows the layer.
    public var nonlinearity = Nonlinearity.relu
    /// The slope of a leaky ReLU below 0.
    public var negativeSlope = 0.0

    enum CodingKeys: String, CodingKey {
        case mode, nonlinearity
        case negativeSlope = "negative_slope"
    }

    /// For a ReLU, with the fan of the inputs.
    public init() {}

    /// Writes the numbers.
    public func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        let fans = Fans(shape)
        let fan = mode == .fanIn ? fans.input : fans.output
        let deviation = Float(nonlinearity.gain(slope: negativeSlope) / max(fan, 1).squareRoot())
        for index in 0..<shape.count { elements[index] = Distribution.draw(deviation: deviation, &random) }
    }
}
