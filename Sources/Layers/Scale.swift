import Autograd
import Kernels
import Tensors

/// y = factor · x, for any shape.
public struct Scale: Layer {
    /// The layer's name in the model.
    public let path: String
    let factor: Float

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder, factor: Float) {
        path = builder.path
        self.factor = factor
    }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Multiplies each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Multiplication(factor: factor), to: [input])
    }
}

/// Multiplies by a constant, in both directions.
struct Multiplication: Operation {
    let factor: Float

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Void) {
        (scaled(inputs[0], engine), ())
    }

    func backward(_ gradient: Tensor, _ saved: Void, _ inputs: GradientSinks, _ engine: Engine) {
        if inputs.wants(0) { inputs.pass(0, scaled(gradient, engine)) }
    }

    private func scaled(_ tensor: Tensor, _ engine: Engine) -> Tensor {
        var result = tensor
        result.withMutableElements(pool: engine.memory) { engine.kernels.elementwise.scale($0, factor, tensor.count) }
        return result
    }
}
