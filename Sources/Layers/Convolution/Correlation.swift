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
        let packed = ConvolutionPlan(geometry, engine).packed(inputs[1])
        let output = engine.tensor(shape) { y in
            inputs[0].withElements { x in
                ConvolutionPlan(geometry, engine)
                    .forward(x, packed, inputs.count > 2 ? inputs[2] : nil, shape[0], into: y)
            }
        }
        return (output, Saved(input: inputs[0], packedWeights: packed))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let count = geometry.outputCount
        gradient.withElements { dy in
            let dy = SharedSource(dy)
            ConvolutionPlan(geometry, engine).backward(
                saved.input, saved.packedWeights, inputs, hasBias: inputs.variables.count > 2
            ) { part, _ in dy.base + part.lowerBound * count }
        }
    }
}
