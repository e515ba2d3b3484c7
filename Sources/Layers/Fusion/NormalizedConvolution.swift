import Autograd
import Kernels
import Tensors

/// Batch norm of a convolution, a residual added to it, the sum rectified; the last two if asked for.
///
/// Inputs x, w and, each if there is one, the convolution's bias, batch norm's weight and bias, and the residual. The
/// statistics of a part are taken as it leaves the convolution, and the gradient of a part is made as it enters the
/// convolution's backward pass, so both are in the cache.
struct NormalizedConvolution: Operation {
    let geometry: ConvolutionGeometry
    let epsilon: Float
    let record: Normalization.Record
    let hasBias: Bool
    let isAffine: Bool
    let hasResidual: Bool
    let rectifies: Bool

    struct Saved {
        let input: Tensor
        let packedWeights: Tensor
        /// What the convolution made.
        let convolved: Tensor
        let output: Tensor
        let weight: Tensor?
        /// Of each channel: mean, 1 / σ, weight / σ, and what is added then.
        let mean, inverseDeviation, scale, shift: Tensor
    }

    private var channels: Int { geometry.outputs }
    private var affineIndex: Int { hasBias ? 3 : 2 }
    private var residualIndex: Int { affineIndex + (isAffine ? 2 : 0) }
    /// Whether backward can tell from the convolution's output alone where gradients pass.
    private var masksItself: Bool { rectifies && !hasResidual }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let shape = geometry.windows.outputShape(forBatch: inputs[0].shape, channels: channels)
        let rows = shape[0] * geometry.pixels
        let packed = ConvolutionPlan(geometry, engine).packed(inputs[1])
        let (convolved, moments) = convolve(inputs, packed, shape, engine)
        moments.mean.withUnsafeBufferPointer { mean in
            moments.m2.map { $0 / Float(max(rows - 1, 1)) }.withUnsafeBufferPointer { variance in
                if let mean = mean.baseAddress, let variance = variance.baseAddress { record.body(mean, variance) }
            }
        }
        let inverse = moments.m2.map { 1 / ($0 / Float(max(rows, 1)) + epsilon).squareRoot() }
        let weight = isAffine ? inputs[affineIndex] : nil
        let scale = weight.map { zip($0.elements, inverse).map { $0 * $1 } } ?? inverse
        let bias = isAffine ? inputs[affineIndex + 1].elements : Array(repeating: 0, count: channels)
        let shift = zip(bias, zip(moments.mean, scale)).map { $0 - $1.0 * $1.1 }
        let perChannel = Shape([channels])
        let saved = { (output: Tensor) in
            Saved(
                input: inputs[0], packedWeights: packed, convolved: convolved, output: output, weight: weight,
                mean: Tensor(perChannel, moments.mean), inverseDeviation: Tensor(perChannel, inverse),
                scale: Tensor(perChannel, scale), shift: Tensor(perChannel, shift))
        }
        let output = engine.tensor(shape) { y in
            normalize(convolved, scale, shift, hasResidual ? inputs[residualIndex] : nil, y, rows, engine)
        }
        return (output, saved(output))
    }

    /// The convolution's output and its moments.
    private func convolve(
        _ inputs: [Tensor], _ packed: Tensor, _ shape: Shape, _ engine: Engine
    ) -> (output: Tensor, moments: Moments) {
        let plan = ConvolutionPlan(geometry, engine)
        let grain = plan.imagesAtOnce
        let (channels, pixels) = (channels, geometry.pixels)
        return engine.withScratch(2 * plan.parts(shape[0]) * channels) { scratch in
            let slots = SharedPointer(scratch)
            let output = engine.tensor(shape) { z in
                inputs[0].withElements { x in
                    plan.forward(x, packed, hasBias ? inputs[2] : nil, shape[0], into: z) { part, place in
                        let slot = slots.base + part.lowerBound / grain * 2 * channels
                        engine.kernels.rows.moments(place, slot, slot + channels, part.count * pixels, channels)
                    }
                }
            }
            return (
                output,
                Moments(merging: scratch, channels: channels, rows: shape[0] * pixels, grain: grain * pixels)
            )
        }
    }

    private func normalize(
        _ z: Tensor, _ scale: [Float], _ shift: [Float], _ residual: Tensor?, _ y: Destination, _ rows: Int,
        _ engine: Engine
    ) {
        let channels = channels
        z.withElements { z in
            let (z, y) = (SharedSource(z), SharedPointer(y))
            let pass = { [rectifies] (residual: Source?) in
                let residual = residual.map { SharedSource($0) }
                engine.split(rows, grain: rowGrain(channels)) { part in
                    let start = part.lowerBound * channels
                    engine.kernels.batchNorm.normalize(
                        z.base + start, scale, shift, residual.map { $0.base + start }, y.base + start, part.count,
                        channels, rectifies)
                }
            }
            if let residual { residual.withElements { pass($0) } } else { pass(nil) }
        }
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        var gradient = gradient
        if hasResidual {
            if rectifies { gradient = rectified(gradient, saved.output, engine) }
            inputs.pass(residualIndex, gradient)
        }
        let rows = gradient.count / channels
        let (sumDy, sumDyX) = sums(gradient, saved, rows, engine)
        let (inverse, scale) = (saved.inverseDeviation.elements, saved.scale.elements)
        if isAffine {
            inputs.write(affineIndex) { dw, adds in
                for c in 0..<channels { dw[c] = (adds ? dw[c] : 0) + sumDyX[c] * inverse[c] }
            }
            inputs.write(affineIndex + 1) { db, adds in
                for c in 0..<channels { db[c] = (adds ? db[c] : 0) + sumDy[c] }
            }
        }
        // As in `Normalization`: dz = w/σ · (dy − mean(dy) − (z − mean)/σ² · mean(dy · (z − mean))).
        let share = 1 / Float(rows)
        let b = (0..<channels).map { -scale[$0] * inverse[$0] * inverse[$0] * sumDyX[$0] * share }
        let d = (0..<channels).map { -scale[$0] * sumDy[$0] * share }
        withElements(gradient, saved) { dy, z, mean, factor, shift in
            let (count, channels, masks) = (geometry.outputCount, channels, masksItself)
            ConvolutionPlan(geometry, engine).backward(
                saved.input, saved.packedWeights, inputs, hasBias: hasBias
            ) { part, scratch in
                let start = part.lowerBound * count
                engine.kernels.batchNorm.gradient(
                    z.base + start, dy.base + start, mean.base, factor.base, shift.base, scale, b, d, scratch,
                    part.count * count / channels, channels, masks)
                return UnsafePointer(scratch)
            }
        }
    }

    /// dy where the output is positive.
    private func rectified(_ gradient: Tensor, _ output: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor(gradient.shape) { target in
            gradient.withElements { dy in
                output.withElements { y in
                    let (dy, y, target) = (SharedSource(dy), SharedSource(y), SharedPointer(target))
                    engine.split(gradient.count, grain: elementGrain) { part in
                        let start = part.lowerBound
                        engine.kernels.elementwise.reluGradient(
                            y.base + start, dy.base + start, target.base + start, part.count, false)
                    }
                }
            }
        }
    }

    /// Of each channel Σ dy and Σ dy · (z − mean).
    private func sums(
        _ gradient: Tensor, _ saved: Saved, _ rows: Int, _ engine: Engine
    ) -> (dy: [Float], dyX: [Float]) {
        let (channels, masks, grain) = (channels, masksItself, rowGrain(channels))
        let parts = (rows + grain - 1) / grain
        return engine.withScratch(2 * parts * channels) { scratch in
            let slots = SharedPointer(scratch)
            withElements(gradient, saved) { dy, z, mean, scale, shift in
                engine.split(rows, grain: grain) { part in
                    let slot = slots.base + part.lowerBound / grain * 2 * channels
                    let start = part.lowerBound * channels
                    engine.kernels.batchNorm.gradientSums(
                        z.base + start, dy.base + start, mean.base, scale.base, shift.base, slot, slot + channels,
                        part.count, channels, masks)
                }
            }
            for part in 1..<max(parts, 1) {
                engine.kernels.elementwise.accumulate(scratch + part * 2 * channels, scratch, 2 * channels)
            }
            return (
                Array(UnsafeBufferPointer(start: scratch, count: channels)),
                Array(UnsafeBufferPointer(start: scratch + channels, count: channels))
            )
        }
    }

    /// Calls `body` with dy, the convolution's output, and mean, scale and shift of each channel.
    private func withElements(
        _ gradient: Tensor, _ saved: Saved,
        _ body: (
            _ dy: SharedSource<Float>, _ z: SharedSource<Float>, _ mean: SharedSource<Float>,
            _ scale: SharedSource<Float>, _ shift: SharedSource<Float>
        ) -> Void
    ) {
        gradient.withElements { dy in
            saved.convolved.withElements { z in
                saved.mean.withElements { mean in
                    saved.scale.withElements { scale in
                        saved.shift.withElements { shift in
                            body(
                                SharedSource(dy), SharedSource(z), SharedSource(mean), SharedSource(scale),
                                SharedSource(shift))
                        }
                    }
                }
            }
        }
    }
}
