import Autograd
import Kernels
import Tensors

/// y = tanh x; matches `torch.nn.Tanh`.
public struct Tanh: Layer {
    /// The layer's name in the model.
    public let path: String

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder) { path = builder.path }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Activation { $0.tanh }, to: [input])
    }
}
