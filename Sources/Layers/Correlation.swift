import Autograd
import Kernels
import Tensors

/// Inputs x `[N, H, W, C]`, weight `[K, C/G, KH, KW]` and, if there is one, bias `[K]`.
///
/// Windows are packed into rows and multiplied with the weights (`[taps · C, K]`), a few images at a time so that the
/// rows stay in the cache. With groups each tap of a group is a product of its own; one channel a group has a kernel of
/// its own.
struct Correlation: Operation {
    let windows: Windows
    let outputs: Int
    let groups: Int

    struct Saved {
        let input: Tensor
        let packedWeights: Tensor
    }

    private var isDepthwise: Bool { groups == windows.channels && outputs == groups && groups > 1 }
    /// Whether the image itself is the matrix of packed windows.
    private var isPointwise: Bool {
        windows.kernelHeight == 1 && windows.kernelWidth == 1 && windows.stride == 1 && windows.padding == 0
    }
    private var pixels: Int { windows.outputHeight * windows.outputWidth }
    private var imageCount: Int { windows.height * windows.width * windows.channels }
    private var taps: Int { windows.kernelHeight * windows.kernelWidth }
    private var groupInputs: Int { windows.channels / groups }
    private var groupOutputs: Int { outputs / groups }
    private var groupWeights: Int { groupOutputs * groupInputs * taps }
    /// Images whose packed windows fill about half of a 1 MB second-level cache.
    private var imagesAtOnce: Int { max(1, (1 << 17) / max(pixels * windows.packedCount, 1)) }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let images = inputs[0].shape[0]
        let weights = packed(inputs[1], engine)
        let output = engine.tensor([images, windows.outputHeight, windows.outputWidth, outputs]) { y in
            inputs[0].withElements { x in
                weights.withElements { w in
                    let (x, w, y) = (SharedSource(x), SharedSource(w), SharedPointer(y))
                    engine.split(images, grain: imagesAtOnce) { part in
                        let image = x.base + part.lowerBound * imageCount
                        let target = y.base + part.lowerBound * pixels * outputs
                        if isDepthwise {
                            for index in 0..<part.count {
                                engine.kernels.convolution.depthwise(
                                    image + index * imageCount, w.base, target + index * pixels * outputs, windows)
                            }
                        } else {
                            withPackedRows(image, part.count, engine) { rows in
                                multiplyForward(rows, w.base, target, part.count * pixels)
                            }
                        }
                    }
                }
            }
            if inputs.count > 2 {
                inputs[2].withElements { engine.kernels.rows.addBias(y, $0, images * pixels, outputs) }
            }
        }
        return (output, Saved(input: inputs[0], packedWeights: weights))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        gradient.withElements { dy in
            inputs.write(0) { dx, adds in
                if !adds { dx.update(repeating: 0, count: saved.input.count) }
                saved.packedWeights.withElements { w in inputGradient(dy, w, dx, saved.input.shape[0], engine) }
            }
            inputs.write(1) { dw, adds in
                saved.input.withElements { x in weightGradient(x, dy, dw, adds, saved.input.shape[0], engine) }
            }
            if inputs.variables.count > 2 {
                inputs.write(2) { db, adds in
                    engine.kernels.rows.sum(dy, db, gradient.count / outputs, outputs, adds)
                }
            }
        }
    }

    // MARK: - Parts of backward

    /// Adds to `dx`.
    private func inputGradient(
        _ dy: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, _ images: Int,
        _ engine: Engine
    ) {
        let (dy, w, dx) = (SharedSource(dy), SharedSource(w), SharedPointer(dx))
        engine.split(images, grain: imagesAtOnce) { part in
            let gradient = dy.base + part.lowerBound * pixels * outputs
            let target = dx.base + part.lowerBound * imageCount
            if isDepthwise {
                for index in 0..<part.count {
                    engine.kernels.convolution.depthwiseInputGradient(
                        gradient + index * pixels * outputs, w.base, target + index * imageCount, windows)
                }
                return
            }
            if isPointwise && groups == 1 {
                multiply(
                    MatrixOperand(gradient, stride: outputs), MatrixOperand(w.base, stride: outputs).transposed,
                    into: target, stride: windows.channels, m: part.count * pixels, n: windows.channels, k: outputs,
                    accumulate: true)
                return
            }
            engine.withScratch(part.count * pixels * windows.packedCount) { rows in
                multiplyInputGradient(gradient, w.base, rows, part.count * pixels)
                for index in 0..<part.count {
                    engine.kernels.convolution.unpackAdding(
                        rows + index * pixels * windows.packedCount, target + index * imageCount, windows)
                }
            }
        }
    }

    /// Sums over images in a fixed number of partial sums, so that the bits do not depend on the number of threads.
    private func weightGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ adds: Bool,
        _ images: Int, _ engine: Engine
    ) {
        let count = groupWeights * groups
        let chunks = (images + imagesAtOnce - 1) / imagesAtOnce
        let partials = max(1, min(chunks, count > 1 << 16 ? 2 : 8))
        engine.withScratch(partials * count) { sums in
            let (x, dy, shared) = (SharedSource(x), SharedSource(dy), SharedPointer(sums))
            engine.run(partials) { partial in
                let target = shared.base + partial * count
                target.update(repeating: 0, count: count)
                for chunk in stride(from: partial, to: chunks, by: partials) {
                    let first = chunk * imagesAtOnce
                    let size = min(imagesAtOnce, images - first)
                    addWeightGradient(
                        x.base + first * imageCount, dy.base + first * pixels * outputs, target, size, engine)
                }
            }
            for partial in 1..<max(partials, 1) {
                engine.kernels.elementwise.accumulate(sums + partial * count, sums, count)
            }
            unpackWeights(sums, dw, adds, engine)
        }
    }

    private func addWeightGradient(
        _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>, _ images: Int,
        _ engine: Engine
    ) {
        if isDepthwise {
            for index in 0..<images {
                engine.kernels.convolution.depthwiseWeightGradient(
                    x + index * imageCount, dy + index * pixels * outputs, sums, windows)
            }
            return
        }
        withPackedRows(x, images, engine) { rows in
            forEachGroup { group, inputColumn, outputColumn, width, weightOffset in
                multiply(
                    MatrixOperand(rows + inputColumn, stride: windows.packedCount).transposed,
                    MatrixOperand(dy + outputColumn, stride: outputs),
                    into: sums + weightOffset, stride: groupOutputs, m: width, n: groupOutputs, k: images * pixels,
                    accumulate: true)
            }
        }
    }

    // MARK: - Products of packed rows and weights

    private func multiplyForward(
        _ rows: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        var isWritten = -1
        forEachGroup { group, inputColumn, outputColumn, width, weightOffset in
            multiply(
                MatrixOperand(rows + inputColumn, stride: windows.packedCount),
                MatrixOperand(w + weightOffset, stride: groupOutputs),
                into: y + outputColumn, stride: outputs, m: count, n: groupOutputs, k: width,
                accumulate: isWritten == group)
            isWritten = group
        }
    }

    private func multiplyInputGradient(
        _ dy: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ rows: UnsafeMutablePointer<Float>, _ count: Int
    ) {
        forEachGroup { _, inputColumn, outputColumn, width, weightOffset in
            multiply(
                MatrixOperand(dy + outputColumn, stride: outputs),
                MatrixOperand(w + weightOffset, stride: groupOutputs).transposed,
                into: rows + inputColumn, stride: windows.packedCount, m: count, n: width, k: groupOutputs)
        }
    }

    /// The matrix products that make up the convolution: for each, its group, the first column in the packed rows and
    /// in the output, the number of packed columns, and where its weights `[width, K/G]` begin.
    private func forEachGroup(
        _ body: (_ group: Int, _ inputColumn: Int, _ outputColumn: Int, _ width: Int, _ weightOffset: Int) -> Void
    ) {
        if groups == 1 {
            body(0, 0, 0, windows.packedCount, 0)
            return
        }
        for group in 0..<groups {
            for tap in 0..<taps {
                body(
                    group, tap * windows.channels + group * groupInputs, group * groupOutputs, groupInputs,
                    group * groupWeights + tap * groupInputs * groupOutputs)
            }
        }
    }

    private func withPackedRows(
        _ images: UnsafePointer<Float>, _ count: Int, _ engine: Engine, _ body: (UnsafePointer<Float>) -> Void
    ) {
        if isPointwise { return body(images) }
        engine.withScratch(count * pixels * windows.packedCount) { rows in
            for index in 0..<count {
                engine.kernels.convolution.pack(
                    images + index * imageCount, rows + index * pixels * windows.packedCount, windows)
            }
            body(rows)
        }
    }

    // MARK: - Weight layouts

    /// `[K, C/G, taps]` to `[G, taps, C/G, K/G]`.
    private func packed(_ weight: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor([weight.count]) { packed in
            weight.withElements { weight in
                if isDepthwise {
                    engine.kernels.rows.transpose(weight, packed, groups, taps, false)
                    return
                }
                for group in 0..<groups {
                    engine.kernels.convolution.packWeights(
                        weight + group * groupWeights, packed + group * groupWeights, groupOutputs, groupInputs, taps)
                }
            }
        }
    }

    private func unpackWeights(
        _ packed: UnsafePointer<Float>, _ weight: UnsafeMutablePointer<Float>, _ adds: Bool, _ engine: Engine
    ) {
        if isDepthwise {
            engine.kernels.rows.transpose(packed, weight, taps, groups, adds)
            return
        }
        for group in 0..<groups {
            engine.kernels.convolution.unpackWeights(
                packed + group * groupWeights, weight + group * groupWeights, groupOutputs, groupInputs, taps, adds)
        }
    }
}
