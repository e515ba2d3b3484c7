import Autograd
import Kernels
import Tensors

/// Keeps channel `c` of sample `n` when number `n · C + c` of the stream says so.
struct ChannelMask: Operation {
    let mask: Mask

    /// Saves the factor of each channel of each sample.
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Tensor) {
        let shape = inputs[0].shape
        let channels = Shape([shape[0], shape[shape.rank - 1]])
        let ones = engine.tensor(channels) { $0.update(repeating: 1, count: channels.count) }
        let factors = mask.forward([ones], engine).output
        let output = engine.tensor(shape) { apply(factors, to: inputs[0], $0, false, engine) }
        return (output, factors)
    }

    func backward(_ gradient: Tensor, _ factors: Tensor, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in apply(factors, to: gradient, dx, adds, engine) }
    }

    private func apply(
        _ factors: Tensor, to x: Tensor, _ y: UnsafeMutablePointer<Float>, _ adds: Bool, _ engine: Engine
    ) {
        let (samples, channels) = (factors.shape[0], factors.shape[1])
        let count = x.count / max(samples, 1)
        x.withElements { x in
            factors.withElements { factors in
                let (x, y, factors) = (SharedSource(x), SharedPointer(y), SharedSource(factors))
                engine.run(samples) { sample in
                    engine.kernels.rows.scale(
                        x.base + sample * count, factors.base + sample * channels, y.base + sample * count,
                        count / max(channels, 1), channels, adds)
                }
            }
        }
    }
}
