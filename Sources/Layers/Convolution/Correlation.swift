import Autograd
import Kernels
import Tensors

/// Inputs x `[N, H, W, C]` or `[N, T, H, W, C]`, weight `[K, C/G, taps]` and, if there is one, bias `[K]`.
struct Correlation: Operation {
    let geometry: ConvolutionGeometry

    struct Saved {
        let input: Tensor
        let packedWeights: Tensor
    }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = geometry.windows.outputShape(forBatch: inputs[0].shape, channels: geometry.outputs)
        let plan = ConvolutionPlan(geometry, engine)
        let packed = plan.packed(inputs[1])
        let output = engine.tensor(shape) { y in
            plan.forward(.tensor(inputs[0]), packed, inputs.count > 2 ? inputs[2] : nil, shape[0], into: y)
        }
        return (output, Saved(input: inputs[0], packedWeights: packed))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.writeConvolution(weight: 1, bias: inputs.variables.count > 2 ? 2 : nil, input: 0) { gradients in
            ConvolutionPlan(geometry, engine).backward(
                .tensor(saved.input), saved.packedWeights, gradient.shape[0], from: .tensor(gradient), into: gradients)
        }
    }
}
