import Autograd
import Kernels
import Tensors

/// y = x · Φ(x) with the distribution function of the standard normal distribution; matches `torch.nn.GELU`.
///
/// - Source: Hendrycks and Gimpel 2016.
public struct GELU: Layer {
    /// How Φ is computed.
    public enum Form: String, Codable, Sendable, CaseIterable {
        /// By the error function.
        case exact = "none"
        /// By ½ · (1 + tanh(√(2/π) · (x + 0.044715 x³))), the approximation that some pretrained networks use.
        case tanh
    }

    /// The layer's name in the model.
    public let path: String
    let form: Form

    /// Makes the layer that `builder` stands for; the forms' raw values are those of PyTorch's `approximate`.
    public init(_ builder: ParameterBuilder, form: Form = .exact) {
        path = builder.path
        self.form = form
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let activation =
            switch form {
            case .exact: Activation { $0.gelu }
            case .tanh: Activation { $0.approximateGELU }
            }
        return context.tape.apply(activation, to: [input])
    }
}
