import Autograd
import Kernels
import Tensors

/// y = max(x, 0); matches `torch.relu`.
public struct ReLU: Layer {
    /// The layer's name in the model.
    public let path: String

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder) { path = builder.path }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each element.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Rectification(), to: [input])
    }
}

/// Keeps its output for backward: where that is not positive, no gradient passes.
struct Rectification: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Tensor) {
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.split(inputs[0].count, grain: elementGrain) {
                    engine.kernels.elementwise.relu(x.base + $0.lowerBound, y.base + $0.lowerBound, $0.count)
                }
            }
        }
        return (output, output)
    }

    func backward(_ gradient: Tensor, _ output: Tensor, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in
            output.withElements { y in
                gradient.withElements { dy in
                    let (y, dy, dx) = (SharedSource(y), SharedSource(dy), SharedPointer(dx))
                    engine.split(gradient.count, grain: elementGrain) {
                        let start = $0.lowerBound
                        engine.kernels.elementwise.reluGradient(
                            y.base + start, dy.base + start, dx.base + start, $0.count, adds)
                    }
                }
            }
        }
    }
}

/// Elements that one thread takes at a time in a pass over memory: enough to pay for waking it.
let elementGrain = 1 << 16
