import Autograd
import Kernels
import Tensors

/// Inputs x `[N, H, W, C]` or `[N, T, H, W, C]`, weight `[K, C/G, taps]` and, if there is one, bias `[K]`.
///
/// Each direction takes the first algorithm that serves its sizes, a few images at a time.
struct Correlation: Operation {
    let geometry: ConvolutionGeometry

    struct Saved {
        let input: Tensor
        let packedWeights: Tensor
    }

    /// Images whose packed windows fill about half of a 1 MB second-level cache.
    private var imagesAtOnce: Int { max(1, (1 << 17) / max(geometry.pixels * geometry.windows.packedCount, 1)) }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let images = inputs[0].shape[0]
        let weights = packed(inputs[1], engine)
        let algorithm = forwardAlgorithm(engine)
        let bias = inputs.count > 2 ? inputs[2] : nil
        let shape = geometry.windows.outputShape(forBatch: inputs[0].shape, channels: geometry.outputs)
        let output = engine.tensor(shape) { y in
            inputs[0].withElements { x in
                weights.withElements { w in
                    let (x, w, y) = (SharedSource(x), SharedSource(w), SharedPointer(y))
                    engine.split(images, grain: imagesAtOnce) { part in
                        let target = y.base + part.lowerBound * geometry.outputCount
                        let image = x.base + part.lowerBound * geometry.imageCount
                        guard let bias else {
                            _ = algorithm.forward(image, w.base, nil, target, part.count, engine)
                            return
                        }
                        bias.withElements { bias in
                            if !algorithm.forward(image, w.base, bias, target, part.count, engine) {
                                engine.kernels.rows.addBias(
                                    target, bias, part.count * geometry.pixels, geometry.outputs)
                            }
                        }
                    }
                }
            }
        }
        return (output, Saved(input: inputs[0], packedWeights: weights))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let images = saved.input.shape[0]
        gradient.withElements { dy in
            inputs.write(0) { dx, adds in
                if !adds { dx.update(repeating: 0, count: saved.input.count) }
                let algorithm = inputGradientAlgorithm(engine)
                algorithm.inputGradientWeights(saved.packedWeights, engine).withElements { w in
                    let (dy, w, dx) = (SharedSource(dy), SharedSource(w), SharedPointer(dx))
                    engine.split(images, grain: imagesAtOnce) { part in
                        algorithm.addInputGradient(
                            dy.base + part.lowerBound * geometry.outputCount, w.base,
                            dx.base + part.lowerBound * geometry.imageCount, part.count, engine)
                    }
                }
            }
            inputs.write(1) { dw, adds in
                saved.input.withElements { x in weightGradient(x, dy, dw, adds, images, engine) }
            }
            if inputs.variables.count > 2 {
                inputs.write(2) { db, adds in
                    engine.kernels.rows.sum(dy, db, images * geometry.pixels, geometry.outputs, adds)
                }
            }
        }
    }

    /// Sums over images in a fixed number of partial sums, so that the bits do not depend on the number of threads.
    private func weightGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ adds: Bool,
        _ images: Int, _ engine: Engine
    ) {
        let algorithm = forwardAlgorithm(engine)
        let count = geometry.weights
        let (chunk, chunks) = (imagesAtOnce, (images + imagesAtOnce - 1) / imagesAtOnce)
        let partials = max(1, min(chunks, count > 1 << 16 ? 2 : 8))
        engine.withScratch(partials * count) { sums in
            let (x, dy, shared) = (SharedSource(x), SharedSource(dy), SharedPointer(sums))
            engine.run(partials) { partial in
                let target = shared.base + partial * count
                target.update(repeating: 0, count: count)
                for first in stride(from: partial * chunk, to: images, by: partials * chunk) {
                    algorithm.addWeightGradient(
                        x.base + first * geometry.imageCount, dy.base + first * geometry.outputCount, target,
                        min(chunk, images - first), engine)
                }
            }
            for partial in 1..<partials {
                engine.kernels.elementwise.accumulate(sums + partial * count, sums, count)
            }
            unpack(sums, dw, adds, engine)
        }
    }

    // MARK: - Algorithms

    func forwardAlgorithm(_ engine: Engine) -> any ConvolutionAlgorithm {
        if DepthwiseConvolution.serves(geometry) { return DepthwiseConvolution(geometry: geometry) }
        if DirectConvolution.serves(geometry, engine.kernels.convolution) {
            return DirectConvolution(geometry: geometry)
        }
        return MatrixConvolution(geometry: geometry)
    }

    func inputGradientAlgorithm(_ engine: Engine) -> any ConvolutionAlgorithm {
        if DepthwiseConvolution.serves(geometry) { return DepthwiseConvolution(geometry: geometry) }
        if DirectConvolution.servesInputGradient(geometry, engine.kernels.convolution) {
            return DirectConvolution(geometry: geometry)
        }
        return MatrixConvolution(geometry: geometry)
    }

    // MARK: - Weight layouts

    /// `[K, C/G, taps]` to `[G, taps, C/G, K/G]`, which is `[taps, C]` when each channel is a group.
    func packed(_ weight: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor([weight.count]) { packed in
            weight.withElements { weight in
                if DepthwiseConvolution.serves(geometry) {
                    engine.kernels.rows.transpose(weight, packed, geometry.groups, geometry.taps, false)
                    return
                }
                for group in 0..<geometry.groups {
                    let offset = group * geometry.groupWeights
                    engine.kernels.convolution.packWeights(
                        weight + offset, packed + offset, geometry.groupOutputs, geometry.groupInputs, geometry.taps)
                }
            }
        }
    }

    func unpack(
        _ packed: UnsafePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ adds: Bool, _ engine: Engine
    ) {
        if DepthwiseConvolution.serves(geometry) {
            engine.kernels.rows.transpose(packed, weight, geometry.taps, geometry.groups, adds)
            return
        }
        for group in 0..<geometry.groups {
            let offset = group * geometry.groupWeights
            engine.kernels.convolution.unpackWeights(
                packed + offset, weight + offset, geometry.groupOutputs, geometry.groupInputs, geometry.taps, adds)
        }
    }
}
