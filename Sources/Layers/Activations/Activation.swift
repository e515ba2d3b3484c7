import Autograd
import Kernels
import Tensors

/// A function of single elements.
struct Activation: Operation {
    let kernel: @Sendable (ActivationKernels) -> ActivationKernel
    /// The function's slope, alpha or the like.
    let parameter: Float

    init(parameter: Float = 0, _ kernel: @escaping @Sendable (ActivationKernels) -> ActivationKernel) {
        self.parameter = parameter
        self.kernel = kernel
    }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Tensor) {
        let kernel = kernel(engine.kernels.activation)
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.split(inputs[0].count, grain: elementGrain) {
                    kernel.forward(x.base + $0.lowerBound, y.base + $0.lowerBound, $0.count, parameter)
                }
            }
        }
        return (output, kernel.saved == .input ? inputs[0] : output)
    }

    func backward(_ gradient: Tensor, _ saved: Tensor, _ inputs: GradientSinks, _ engine: Engine) {
        let kernel = kernel(engine.kernels.activation)
        inputs.write(0) { dx, adds in
            saved.withElements { saved in
                gradient.withElements { dy in
                    let (saved, dy, dx) = (SharedSource(saved), SharedSource(dy), SharedPointer(dx))
                    engine.split(gradient.count, grain: elementGrain) {
                        let start = $0.lowerBound
                        kernel.gradient(
                            saved.base + start, dy.base + start, dx.base + start, $0.count, parameter, adds)
                    }
                }
            }
        }
    }
}

/// Elements that one thread takes at a time in a pass over memory: enough to pay for waking it.
let elementGrain = 1 << 16
