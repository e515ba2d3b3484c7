import Autograd
import Kernels
import Tensors

/// max(x ∗ w + b, 0) and the largest value of each window of it; inputs x, w and, if there is one, b.
///
/// The convolution's output is made and used part by part; only what comes out of the last step is kept.
struct RectifiedConvolution: Operation {
    let geometry: ConvolutionGeometry
    let pooling: Windows?

    struct Saved: Sendable {
        let input: Tensor
        let packedWeights: Tensor
        let steps: Steps
    }

    /// What tells how gradients pass the steps after the convolution.
    enum Steps: Sendable {
        /// The rectified output.
        case rectified(Tensor)
        /// The winners of the windows with a positive output.
        case pooled(WinningTaps)
    }

    /// Floats that come out of one image.
    private var resultCount: Int { (pooling?.output.count ?? geometry.pixels) * geometry.outputs }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = (pooling ?? geometry.windows).outputShape(forBatch: inputs[0].shape, channels: geometry.outputs)
        let images = shape[0]
        let plan = ConvolutionPlan(geometry, engine)
        let packed = plan.packed(inputs[1])
        let bias = inputs.count > 2 ? inputs[2] : nil
        let taps = pooling.map { WinningTaps(of: $0, images: images, engine) }
        let output = engine.tensor(shape) { y in
            guard let taps else {
                return plan.forward(.tensor(inputs[0]), packed, bias, images, into: y) { part, place in
                    engine.kernels.elementwise.relu(place, place, part.count * geometry.outputCount)
                }
            }
            let y = SharedPointer(y)
            plan.forward(.tensor(inputs[0]), packed, bias, images, into: nil) { [self] part, place in
                for (index, image) in part.enumerated() {
                    engine.kernels.pooling.maximum(
                        place + index * geometry.outputCount, y.base + image * resultCount, taps[image], taps.windows,
                        true)
                }
            }
        }
        let steps: Steps = if let taps { .pooled(taps) } else { .rectified(output) }
        return (output, Saved(input: inputs[0], packedWeights: packed, steps: steps))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.writeConvolution(weight: 1, bias: inputs.variables.count > 2 ? 2 : nil, input: 0) { gradients in
            ConvolutionPlan(geometry, engine).backward(
                .tensor(saved.input), saved.packedWeights, gradient.shape[0],
                from: convolutionGradient(gradient, saved, engine), into: gradients)
        }
    }

    /// The gradient of what the convolution made: dy where the output is positive, at its windows' winners.
    private func convolutionGradient(_ gradient: Tensor, _ saved: Saved, _ engine: Engine) -> ImageSource {
        switch saved.steps {
        case .pooled(let taps):
            .pooled(PooledGradient(dy: gradient, taps: taps))
        case .rectified(let output):
            .made { part, place in
                let start = part.lowerBound * geometry.outputCount
                gradient.withElements { dy in
                    output.withElements { y in
                        engine.kernels.elementwise.reluGradient(
                            y + start, dy + start, place, part.count * geometry.outputCount, false)
                    }
                }
            }
        }
    }
}
