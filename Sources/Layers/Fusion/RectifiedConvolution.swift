import Autograd
import Kernels
import Tensors

/// max(x ∗ w + b, 0) and the largest value of each window of it; inputs x, w and, if there is one, b.
///
/// The convolution's output is made and used part by part; only what comes out of the last step is kept.
struct RectifiedConvolution: Operation {
    let geometry: ConvolutionGeometry
    let pooling: Windows?

    struct Saved {
        let input: Tensor
        let packedWeights: Tensor
        let output: Tensor
        /// The windows' winners, integers in the memory of floats.
        let taps: Tensor?
    }

    /// Floats that come out of one image.
    private var resultCount: Int { (pooling?.output.count ?? geometry.pixels) * geometry.outputs }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = (pooling ?? geometry.windows).outputShape(forBatch: inputs[0].shape, channels: geometry.outputs)
        let images = shape[0]
        let packed = ConvolutionPlan(geometry, engine).packed(inputs[1])
        let bias = inputs.count > 2 ? inputs[2] : nil
        let plan = ConvolutionPlan(geometry, engine)
        var taps = pooling.map { _ in engine.tensor(shape) { _ in } }
        let output = engine.tensor(shape) { y in
            inputs[0].withElements { x in
                guard let pooling else {
                    return plan.forward(x, packed, bias, images, into: y) { part, place in
                        engine.kernels.elementwise.relu(place, place, part.count * geometry.outputCount)
                    }
                }
                taps?.withMutableElements { taps in
                    let (y, taps) = (SharedPointer(y), SharedPointer(taps))
                    plan.forward(x, packed, bias, images, into: nil) { [self] part, place in
                        let result = y.base + part.lowerBound * resultCount
                        (taps.base + part.lowerBound * resultCount).withMemoryRebound(
                            to: Int32.self, capacity: part.count * resultCount
                        ) { taps in
                            for index in 0..<part.count {
                                engine.kernels.pooling.maximum(
                                    place + index * geometry.outputCount, result + index * resultCount,
                                    taps + index * resultCount, pooling)
                            }
                        }
                        // The largest of rectified values is the rectified largest one.
                        engine.kernels.elementwise.relu(result, result, part.count * resultCount)
                    }
                }
            }
        }
        return (output, Saved(input: inputs[0], packedWeights: packed, output: output, taps: taps))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let plan = ConvolutionPlan(geometry, engine)
        let hasBias = inputs.variables.count > 2
        gradient.withElements { dy in
            saved.output.withElements { y in
                let (dy, y) = (SharedSource(dy), SharedSource(y))
                let masked: @Sendable (Range<Int>, Destination) -> Void = { part, target in
                    let start = part.lowerBound * resultCount
                    engine.kernels.elementwise.reluGradient(
                        y.base + start, dy.base + start, target, part.count * resultCount, false)
                }
                guard let pooling, let taps = saved.taps else {
                    return plan.backward(saved.input, saved.packedWeights, inputs, hasBias: hasBias) { part, scratch in
                        masked(part, scratch)
                        return UnsafePointer(scratch)
                    }
                }
                taps.withElements { taps in
                    let taps = SharedSource(taps)
                    plan.backward(saved.input, saved.packedWeights, inputs, hasBias: hasBias) { part, scratch in
                        let count = part.count * resultCount
                        engine.withScratch(count) { pooled in
                            masked(part, pooled)
                            (taps.base + part.lowerBound * resultCount).withMemoryRebound(
                                to: Int32.self, capacity: count
                            ) { taps in
                                for index in 0..<part.count {
                                    engine.kernels.pooling.maximumGradient(
                                        pooled + index * resultCount, taps + index * resultCount,
                                        scratch + index * geometry.outputCount, pooling, false)
                                }
                            }
                        }
                        return UnsafePointer(scratch)
                    }
                }
            }
        }
    }
}
