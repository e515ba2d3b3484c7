import Autograd
import Kernels
import Tensors

/// y = (x − mean) / √(variance + ε) · weight + bias over rows of channels; inputs x and, if there are, weight and bias.
///
/// Mean and variance are those of the rows, or `running` ones, which are constants to backward.
struct Normalization: Operation {
    /// Receives the rows' mean and unbiased variance.
    struct Record: @unchecked Sendable {  // Called during forward, on the compute thread that made it.
        let body: (_ mean: UnsafePointer<Float>, _ variance: UnsafePointer<Float>) -> Void

        init(_ body: @escaping (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) { self.body = body }
    }

    let epsilon: Float
    let running: RunningStatistics?
    let record: Record?

    struct Saved {
        let input: Tensor
        let weight: Tensor?
        let mean: Tensor
        let inverseDeviation: Tensor
    }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let channels = inputs[0].shape.dimensions.last ?? 0
        let affine = inputs.count > 1
        let rows = inputs[0].count / max(channels, 1)
        let (mean, variance) = statistics(of: inputs[0], rows, channels, engine)
        let inverseDeviation = engine.tensor([channels]) { inverse in
            variance.withElements { variance in
                for c in 0..<channels { inverse[c] = 1 / (variance[c] + epsilon).squareRoot() }
            }
        }
        let output = engine.tensor(inputs[0].shape) { y in
            engine.withScratch(2 * channels) { scale in
                let shift = scale + channels
                let (weight, bias) = (affine ? inputs[1].elements : nil, affine ? inputs[2].elements : nil)
                let (mean, inverse) = (mean.elements, inverseDeviation.elements)
                for c in 0..<channels {
                    scale[c] = (weight?[c] ?? 1) * inverse[c]
                    shift[c] = (bias?[c] ?? 0) - mean[c] * scale[c]
                }
                inputs[0].withElements { x in
                    let (x, y, scale, shift) = (
                        SharedSource(x), SharedPointer(y), SharedPointer(scale), SharedPointer(shift)
                    )
                    engine.split(rows, grain: rowGrain(channels)) { part in
                        let start = part.lowerBound * channels
                        engine.kernels.rows.affine(
                            x.base + start, scale.base, shift.base, y.base + start, part.count, channels)
                    }
                }
            }
        }
        let saved = Saved(
            input: inputs[0], weight: affine ? inputs[1] : nil, mean: mean, inverseDeviation: inverseDeviation)
        return (output, saved)
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let channels = saved.mean.count
        let rows = saved.input.count / max(channels, 1)
        let (sumDy, sumDyX) = gradientSums(gradient, saved, rows, channels, engine)
        let (weight, inverse) = (saved.weight?.elements, saved.inverseDeviation.elements)
        inputs.write(0) { dx, adds in
            // With the rows' own statistics: dx = w/σ · (dy − mean(dy) − (x − mean)/σ² · mean(dy · (x − mean))).
            engine.withScratch(3 * channels) { a in
                let (b, d) = (a + channels, a + 2 * channels)
                let share = running == nil ? 1 / Float(rows) : 0
                for c in 0..<channels {
                    a[c] = (weight?[c] ?? 1) * inverse[c]
                    b[c] = -a[c] * inverse[c] * inverse[c] * sumDyX[c] * share
                    d[c] = -a[c] * sumDy[c] * share
                }
                affineGradient(gradient, saved, a: a, b: b, d: d, into: dx, adds, rows, channels, engine)
            }
        }
        guard saved.weight != nil else { return }
        inputs.write(1) { dw, adds in
            for c in 0..<channels { dw[c] = (adds ? dw[c] : 0) + sumDyX[c] * inverse[c] }
        }
        inputs.write(2) { db, adds in
            for c in 0..<channels { db[c] = (adds ? db[c] : 0) + sumDy[c] }
        }
    }

    private func affineGradient(
        _ gradient: Tensor, _ saved: Saved, a: UnsafePointer<Float>, b: UnsafePointer<Float>, d: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>, _ adds: Bool, _ rows: Int, _ channels: Int, _ engine: Engine
    ) {
        saved.input.withElements { x in
            gradient.withElements { dy in
                saved.mean.withElements { mean in
                    let (x, dy, mean, dx) = (SharedSource(x), SharedSource(dy), SharedSource(mean), SharedPointer(dx))
                    let (a, b, d) = (SharedSource(a), SharedSource(b), SharedSource(d))
                    engine.split(rows, grain: rowGrain(channels)) { part in
                        let start = part.lowerBound * channels
                        engine.kernels.rows.affineGradient(
                            x.base + start, dy.base + start, mean.base, a.base, b.base, d.base, dx.base + start,
                            part.count, channels, adds)
                    }
                }
            }
        }
    }

    /// Mean and biased variance: the running ones, or those of the rows, which are recorded.
    private func statistics(
        of x: Tensor, _ rows: Int, _ channels: Int, _ engine: Engine
    ) -> (mean: Tensor, variance: Tensor) {
        if let running { return (Tensor([channels], running.mean), Tensor([channels], running.variance)) }
        let grain = rowGrain(channels)
        let parts = (rows + grain - 1) / grain
        let moments = engine.withScratch(2 * parts * channels) { scratch in
            let partial = SharedPointer(scratch)
            x.withElements { x in
                let x = SharedSource(x)
                engine.split(rows, grain: grain) { part in
                    let slot = partial.base + part.lowerBound / grain * 2 * channels
                    engine.kernels.rows.moments(
                        x.base + part.lowerBound * channels, slot, slot + channels, part.count, channels)
                }
            }
            return Moments(merging: scratch, channels: channels, rows: rows, grain: grain)
        }
        let (mean, m2) = (moments.mean, moments.m2)
        record?.body(mean, m2.map { $0 / Float(max(rows - 1, 1)) })
        return (Tensor([channels], mean), Tensor([channels], m2.map { $0 / Float(max(rows, 1)) }))
    }

    private func gradientSums(
        _ gradient: Tensor, _ saved: Saved, _ rows: Int, _ channels: Int, _ engine: Engine
    ) -> (dy: [Float], dyX: [Float]) {
        let grain = rowGrain(channels)
        let parts = (rows + grain - 1) / grain
        return engine.withScratch(2 * parts * channels) { scratch in
            let partial = SharedPointer(scratch)
            saved.input.withElements { x in
                gradient.withElements { dy in
                    saved.mean.withElements { mean in
                        let (x, dy, mean) = (SharedSource(x), SharedSource(dy), SharedSource(mean))
                        engine.split(rows, grain: grain) { part in
                            let slot = partial.base + part.lowerBound / grain * 2 * channels
                            let start = part.lowerBound * channels
                            engine.kernels.rows.gradientSums(
                                x.base + start, dy.base + start, mean.base, slot, slot + channels, part.count, channels)
                        }
                    }
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

}

/// Rows of channels that one thread takes at a time.
func rowGrain(_ channels: Int) -> Int { max(1, elementGrain / max(channels, 1)) }
