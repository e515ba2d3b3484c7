import Autograd
import Kernels
import Tensors

/// y = x where x > 0, else α · (eˣ − 1); matches `torch.nn.ELU`.
///
/// - Source: Clevert, Unterthiner and Hochreiter 2015.
public struct ELU: Layer {
    /// The layer's name in the model.
    public let path: String
    let alpha: Float

    /// Makes the layer that `builder` stands for; the function approaches −`alpha` on the left.
    public init(_ builder: ParameterBuilder, alpha: Float = 1) {
        path = builder.path
        self.alpha = alpha
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Activation(parameter: alpha) { $0.elu }, to: [input])
    }
}
