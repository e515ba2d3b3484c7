import Autograd
import Kernels
import Tensors

/// y = a + b, element by element: the join of a residual branch.
struct Addition: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Void) {
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { a in
                inputs[1].withElements { b in
                    let (a, b, y) = (SharedSource(a), SharedSource(b), SharedPointer(y))
                    engine.split(inputs[0].count, grain: elementGrain) {
                        let start = $0.lowerBound
                        engine.kernels.elementwise.add(a.base + start, b.base + start, y.base + start, $0.count)
                    }
                }
            }
        }
        return (output, ())
    }

    func backward(_ gradient: Tensor, _ saved: Void, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.pass(0, gradient)
        inputs.pass(1, gradient)
    }
}
