import Autograd
import Kernels
import Tensors

/// Normalises each group of channels of each sample over all its pixels; matches `torch.nn.GroupNorm`.
///
/// One group is layer norm over a whole sample; as many groups as channels are instance norm. Nothing depends on the
/// other samples of the batch, so training and evaluation do the same.
///
/// - Shapes: any with channels last; weight and bias `[channels]`.
/// - Source: Wu and He 2018.
public struct GroupNorm: Layer {
    /// The layer's name in the model.
    public let path: String
    /// Weight and bias, or nothing.
    let affine: [Parameter]
    let channels: Int
    let groups: Int
    let epsilon: Float

    /// Makes the layer that `builder` stands for, with PyTorch's names and initial values.
    ///
    /// - Precondition: `groups` divides `channels`.
    public init(
        _ builder: ParameterBuilder, groups: Int, channels: Int, epsilon: Float = 1e-5, affine: Bool = true
    ) {
        precondition(groups > 0 && channels % groups == 0, "\(groups) groups divide \(channels) channels")
        path = builder.path
        self.channels = channels
        self.groups = groups
        self.epsilon = epsilon
        self.affine = affine ? builder.affine(channels: channels) : []
    }

    /// Any shape of that many channels stays as it is.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        try sample.check(channels: channels, path: path)
        return sample
    }

    /// Normalises each sample of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let inputs = [input] + affine.map(context.tape.parameter)
        return context.tape.apply(GroupNormalization(groups: groups, epsilon: epsilon), to: inputs)
    }
}

/// Inputs x `[N, …, C]` and, if there are, weight and bias `[C]`.
///
/// Each sample is normalised on its own, one thread each.
struct GroupNormalization: Operation {
    let groups: Int
    let epsilon: Float

    struct Saved {
        let input: Tensor
        let weight: Tensor?
        /// For each channel of each sample, those of its group.
        let mean: Tensor
        let inverseDeviation: Tensor
    }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let sizes = Sizes(inputs[0].shape)
        let affine = inputs.count > 1
        let (weight, bias) = (affine ? inputs[1].elements : nil, affine ? inputs[2].elements : nil)
        let shape = Shape([sizes.samples, sizes.channels])
        var (mean, inverseDeviation) = (engine.tensor(shape) { _ in }, engine.tensor(shape) { _ in })
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { x in
                mean.withMutableElements { mean in
                    inverseDeviation.withMutableElements { inverse in
                        let (x, y) = (SharedSource(x), SharedPointer(y))
                        let (mean, inverse) = (SharedPointer(mean), SharedPointer(inverse))
                        engine.run(sizes.samples) { sample in
                            let (mean, inverse) = (
                                mean.base + sample * sizes.channels, inverse.base + sample * sizes.channels
                            )
                            let place = sample * sizes.count
                            statistics(x.base + place, sizes, mean, inverse, engine)
                            engine.withScratch(2 * sizes.channels) { scale in
                                let shift = scale + sizes.channels
                                for c in 0..<sizes.channels {
                                    scale[c] = (weight?[c] ?? 1) * inverse[c]
                                    shift[c] = (bias?[c] ?? 0) - mean[c] * scale[c]
                                }
                                engine.kernels.rows.affine(
                                    x.base + place, scale, shift, y.base + place, sizes.pixels, sizes.channels)
                            }
                        }
                    }
                }
            }
        }
        let saved = Saved(
            input: inputs[0], weight: affine ? inputs[1] : nil, mean: mean, inverseDeviation: inverseDeviation)
        return (output, saved)
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let sizes = Sizes(saved.input.shape)
        let channels = sizes.channels
        // Σ dy, then Σ dy · (x − mean), for each channel of each sample.
        let sums = engine.tensor([sizes.samples, 2, channels]) { sums in
            saved.input.withElements { x in
                gradient.withElements { dy in
                    saved.mean.withElements { mean in
                        let (x, dy, mean) = (SharedSource(x), SharedSource(dy), SharedSource(mean))
                        let sums = SharedPointer(sums)
                        engine.run(sizes.samples) { sample in
                            let (place, target) = (sample * sizes.count, sums.base + sample * 2 * channels)
                            engine.kernels.rows.gradientSums(
                                x.base + place, dy.base + place, mean.base + sample * channels, target,
                                target + channels, sizes.pixels, channels)
                        }
                    }
                }
            }
        }
        inputs.write(0) { dx, adds in inputGradient(gradient, saved, sums, dx, adds, sizes, engine) }
        guard saved.weight != nil else { return }
        let (sum, inverse) = (sums.elements, saved.inverseDeviation.elements)
        inputs.write(1) { dw, adds in
            if !adds { dw.update(repeating: 0, count: channels) }
            for sample in 0..<sizes.samples {
                for c in 0..<channels {
                    dw[c] += sum[(sample * 2 + 1) * channels + c] * inverse[sample * channels + c]
                }
            }
        }
        inputs.write(2) { db, adds in
            if !adds { db.update(repeating: 0, count: channels) }
            for sample in 0..<sizes.samples {
                for c in 0..<channels { db[c] += sum[sample * 2 * channels + c] }
            }
        }
    }

    private struct Sizes {
        let samples, pixels, channels: Int

        init(_ shape: Shape) {
            samples = shape[0]
            channels = shape[shape.rank - 1]
            pixels = shape.dimensions[1..<shape.rank - 1].reduce(1, *)
        }

        /// Floats of a sample.
        var count: Int { pixels * channels }
    }

    /// Mean and 1 / √(variance + ε) of each group, written for each of its channels.
    private func statistics(
        _ x: UnsafePointer<Float>, _ sizes: Sizes, _ mean: UnsafeMutablePointer<Float>,
        _ inverse: UnsafeMutablePointer<Float>, _ engine: Engine
    ) {
        // The channels' own statistics first, then those of the group from them.
        engine.kernels.rows.moments(x, mean, inverse, sizes.pixels, sizes.channels)
        let width = sizes.channels / groups
        for first in stride(from: 0, to: sizes.channels, by: width) {
            let group = first..<first + width
            var (center, squares): (Float, Float) = (0, 0)
            for c in group { center += mean[c] }
            center /= Float(width)
            for c in group {
                let difference = mean[c] - center
                squares += inverse[c] + difference * difference * Float(sizes.pixels)
            }
            let deviation = (squares / Float(width * sizes.pixels) + epsilon).squareRoot()
            for c in group {
                mean[c] = center
                inverse[c] = 1 / deviation
            }
        }
    }

    /// dx = w/σ · dy − mean(w/σ · dy) − (x − mean)/σ² · mean(w/σ · dy · (x − mean)), with means over the group.
    private func inputGradient(
        _ gradient: Tensor, _ saved: Saved, _ sums: Tensor, _ dx: UnsafeMutablePointer<Float>, _ adds: Bool,
        _ sizes: Sizes, _ engine: Engine
    ) {
        let (weight, channels) = (saved.weight?.elements, sizes.channels)
        let (sum, mean, inverse) = (sums.elements, saved.mean.elements, saved.inverseDeviation.elements)
        let width = channels / groups
        let share = 1 / Float(width * sizes.pixels)
        saved.input.withElements { x in
            gradient.withElements { dy in
                let (x, dy, dx) = (SharedSource(x), SharedSource(dy), SharedPointer(dx))
                engine.run(sizes.samples) { sample in
                    engine.withScratch(3 * channels) { a in
                        let (b, d) = (a + channels, a + 2 * channels)
                        for c in 0..<channels { a[c] = (weight?[c] ?? 1) * inverse[sample * channels + c] }
                        for first in stride(from: 0, to: channels, by: width) {
                            let group = first..<first + width
                            let sumDy = sample * 2 * channels
                            let sumDyX = sumDy + channels
                            var (dyMean, dyXMean): (Float, Float) = (0, 0)
                            for c in group {
                                dyMean += a[c] * sum[sumDy + c] * share
                                dyXMean += a[c] * sum[sumDyX + c] * share
                            }
                            let deviation = inverse[sample * channels + first]
                            for c in group {
                                b[c] = -dyXMean * deviation * deviation
                                d[c] = -dyMean
                            }
                        }
                        let place = sample * sizes.count
                        mean.withUnsafeBufferPointer { mean in
                            guard let mean = mean.baseAddress else { return }
                            engine.kernels.rows.affineGradient(
                                x.base + place, dy.base + place, mean + sample * channels, a, b, d, dx.base + place,
                                sizes.pixels, channels, adds)
                        }
                    }
                }
            }
        }
    }
}
