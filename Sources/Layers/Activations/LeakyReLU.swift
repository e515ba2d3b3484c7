import Autograd
import Kernels
import Tensors

/// y = x where x > 0, else slope · x; matches `torch.nn.LeakyReLU`.
///
/// - Source: Maas, Hannun and Ng 2013.
public struct LeakyReLU: Layer {
    /// The layer's name in the model.
    public let path: String
    let slope: Float

    /// Makes the layer that `builder` stands for; `slope` is PyTorch's `negative_slope`.
    public init(_ builder: ParameterBuilder, slope: Float = 0.01) {
        path = builder.path
        self.slope = slope
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Activation(parameter: slope) { $0.leakyReLU }, to: [input])
    }
}
