import Autograd
import Kernels
import Tensors

extension NormalizedChain {
    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let end = links.count - 1
        var (gradient, sums) = timed(end, \.backward) { endGradient(gradient, saved, engine) }
        if hasResidual { inputs.pass(residualIndex, gradient) }
        for index in links.indices.reversed() {
            timed(index, \.backward) {
                let (link, scaling) = (saved.links[index], saved.links[index].scaling)
                if let affine = affineIndex(index) { writeAffine(affine, sums, scaling, inputs, engine) }
                let dz = convolvedGradient(index, link, gradient, sums, engine)
                guard index > 0 else {
                    return inputs.writeConvolution(weight: 1, bias: biasIndex(0), input: 0) { gradients in
                        ConvolutionPlan(links[0].geometry, engine).backward(
                            .tensor(saved.input), link.packedWeights, saved.input.shape[0], from: dz, into: gradients)
                    }
                }
                (gradient, sums) = goBack(index, link, saved.links[index - 1], dz, inputs, engine)
            }
        }
    }

    /// The gradient of the last batch norm's output, dy or, with a residual, where the output is positive; and its sums.
    private func endGradient(_ gradient: Tensor, _ saved: Saved, _ engine: Engine) -> (gradient: Tensor, sums: Tensor) {
        let link = saved.links[links.count - 1]
        guard hasResidual && rectifies else {
            return (gradient, sums(gradient, link, masked: rectifies, engine) { _ in })
        }
        let output = saved.output
        var sums: Tensor?
        let rectified = engine.tensor(gradient.shape) { target in
            let target = SharedPointer(target)
            sums = self.sums(gradient, link, at: target, masked: false, engine) { part in
                gradient.withElements { dy in
                    output.withElements { y in
                        engine.kernels.elementwise.reluGradient(
                            y + part.lowerBound, dy + part.lowerBound, target.base + part.lowerBound, part.count, false)
                    }
                }
            }
        }
        return (rectified, sums ?? Tensor(zeros: [2, link.scaling.channels]))
    }

    /// Of each channel Σ dy and Σ dy · (z − mean), where dy lies at `place` or in the tensor; `prepare` is called with
    /// the elements of each part before they are read.
    private func sums(
        _ gradient: Tensor, _ link: SavedLink, at place: SharedPointer<Float>? = nil, masked: Bool, _ engine: Engine,
        prepare: @escaping @Sendable (_ elements: Range<Int>) -> Void
    ) -> Tensor {
        let (channels, scaling, grain) = (link.scaling.channels, link.scaling, rowGrain(link.scaling.channels))
        let rows = gradient.count / channels
        return sums(parts: (rows + grain - 1) / grain, channels, engine) { slots in
            engine.split(rows, grain: grain) { part in
                let start = part.lowerBound * channels
                prepare(start..<part.upperBound * channels)
                let slot = slots.base + part.lowerBound / grain * 2 * channels
                gradient.withElements { dy in
                    link.convolved.withElements { z in
                        scaling.gradientSums(
                            z + start, (place.map { Source($0.base) } ?? dy) + start, slot, part.count, masked: masked,
                            engine)
                    }
                }
            }
        }
    }

    /// The sum over the slots of parts that `fill` writes.
    private func sums(
        parts: Int, _ channels: Int, _ engine: Engine, _ fill: (SharedPointer<Float>) -> Void
    ) -> Tensor {
        engine.withScratch(2 * parts * channels) { slots in
            fill(SharedPointer(slots))
            for part in 1..<max(parts, 1) {
                engine.kernels.elementwise.accumulate(slots + part * 2 * channels, slots, 2 * channels)
            }
            return engine.tensor([2, channels]) { $0.update(from: slots, count: 2 * channels) }
        }
    }

    private func writeAffine(
        _ index: Int, _ sums: Tensor, _ scaling: ChannelScaling, _ inputs: GradientSinks, _ engine: Engine
    ) {
        sums.withElements { sums in
            inputs.write(index) { dw, adds in scaling.weightGradient(sums, dw, adds: adds) }
            inputs.write(index + 1) { db, adds in
                for c in 0..<scaling.channels { db[c] = (adds ? db[c] : 0) + sums[c] }
            }
        }
    }

    /// The gradient of what a link's convolution made.
    private func convolvedGradient(
        _ index: Int, _ link: SavedLink, _ gradient: Tensor, _ sums: Tensor, _ engine: Engine
    ) -> ImageSource {
        let geometry = links[index].geometry
        let factors = sums.withElements {
            link.scaling.gradientFactors($0, rows: gradient.count / link.scaling.channels, engine)
        }
        // Behind a residual the gradient is masked already.
        let masked = index < links.count - 1 || (rectifies && !hasResidual)
        return .made { part, place in
            let start = part.lowerBound * geometry.outputCount
            link.convolved.withElements { z in
                gradient.withElements { dy in
                    link.scaling.gradient(
                        z + start, dy + start, factors, place, part.count * geometry.pixels, masked: masked, engine)
                }
            }
        }
    }

    /// Takes a link's gradient through its convolution: gives the gradient of the link before and its sums.
    private func goBack(
        _ index: Int, _ link: SavedLink, _ before: SavedLink, _ dz: ImageSource, _ inputs: GradientSinks,
        _ engine: Engine
    ) -> (gradient: Tensor, sums: Tensor) {
        let (plan, geometry) = (ConvolutionPlan(links[index].geometry, engine), links[index - 1].geometry)
        let (channels, grain, images) = (before.scaling.channels, plan.imagesAtOnce, before.convolved.shape[0])
        var sums: Tensor?
        let gradient = engine.tensor(before.convolved.shape) { dx in
            sums = self.sums(parts: plan.parts(images), channels, engine) { slots in
                inputs.writeConvolution(weight: weightIndex(index), bias: biasIndex(index), input: nil) { gradients in
                    plan.backward(
                        normalized(before, geometry, engine), link.packedWeights, images, from: dz,
                        into: gradients.withInput(dx)
                    ) { part, place in
                        before.convolved.withElements { z in
                            before.scaling.gradientSums(
                                z + part.lowerBound * geometry.outputCount, place,
                                slots.base + part.lowerBound / grain * 2 * channels, part.count * geometry.pixels,
                                masked: true, engine)
                        }
                    }
                }
            }
        }
        return (gradient, sums ?? Tensor(zeros: [2, channels]))
    }
}
