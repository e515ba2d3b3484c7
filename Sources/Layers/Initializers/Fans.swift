import Configuration
import Tensors

/// How many inputs reach an output of a layer, and how many outputs an input; matches PyTorch's
/// `_calculate_fan_in_and_fan_out`.
struct Fans {
    /// Inputs of an output.
    let input: Double
    /// Outputs of an input.
    let output: Double

    /// The fans of a weight `[out, in, …]`, such as a filter `[out, in / groups, height, width]`.
    init(_ shape: Shape) {
        let field = shape.dimensions.dropFirst(2).reduce(1, *)
        input = Double(shape[1] * field)
        output = Double(shape[0] * field)
    }
}

/// The functions behind a layer for which a gain is known; matches `torch.nn.init.calculate_gain`.
public enum Nonlinearity: String, Codable, Sendable, CaseIterable {
    case linear, sigmoid, tanh, relu, selu
    case leakyReLU = "leaky_relu"

    /// What keeps the variance of a signal that passes the function; `slope` is that of a leaky ReLU below 0.
    func gain(slope: Double) -> Double {
        switch self {
        case .linear, .sigmoid: 1
        case .tanh: 5.0 / 3
        case .relu: 2.0.squareRoot()
        case .leakyReLU: (2 / (1 + slope * slope)).squareRoot()
        case .selu: 0.75
        }
    }
}

/// A distribution around 0 with a given standard deviation.
public protocol ScaledDistribution: Sendable {
    /// The last part of the initialisers' names.
    static var name: String { get }

    /// Draws a number.
    static func draw(deviation: Float, _ random: inout RandomStream) -> Float
}

/// The normal distribution.
public enum ScaledNormal: ScaledDistribution {
    /// As in `kaiming_normal`.
    public static let name = "normal"

    /// Draws a number.
    public static func draw(deviation: Float, _ random: inout RandomStream) -> Float { deviation * random.normal() }
}

/// The uniform distribution within ±√3 standard deviations.
public enum ScaledUniform: ScaledDistribution {
    /// As in `kaiming_uniform`.
    public static let name = "uniform"

    /// Draws a number.
    public static func draw(deviation: Float, _ random: inout RandomStream) -> Float {
        let bound = Float(3).squareRoot() * deviation
        return random.uniform(-bound, bound)
    }
}
