import Kernels
import Tensors

/// The input's gradient of a convolution of images with a stride, pixel class by pixel class.
///
/// Pixels whose places leave the same rest when divided by the stride meet the same taps. Their gradients are a
/// convolution without stride of the output's gradient with these taps, which the direct kernel computes; then they are
/// dealt out to their places.
struct StridedInputGradient: InputGradientAlgorithm {
    let geometry: ConvolutionGeometry

    /// Whether the kernels can compute it.
    static func serves(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        let windows = geometry.windows
        return geometry.groups == 1 && windows.kernel.depth == 1 && windows.stride.depth == 1 && windows.dilation == 1
            && windows.padding.depth == 0 && windows.channels % kernels.directLanes == 0
    }

    /// What pixels with one rest meet along an axis.
    private struct Class {
        /// The first pixel and the number of pixels.
        let first, count: Int
        /// Taps, and the window that the first pixel meets with the first of them; each further tap is one window on.
        let taps: [Int]
        let window: Int

        static func all(size: Int, kernel: Int, stride: Int, padding: Int) -> [Class] {
            (0..<min(stride, size)).map { first in
                let taps = (0..<kernel).filter { (first + padding - $0) % stride == 0 }.reversed()
                return Class(
                    first: first, count: (size - first + stride - 1) / stride, taps: Array(taps),
                    window: taps.first.map { (first + padding - $0) / stride } ?? 0)
            }
        }

        /// Windows before the first one and after the last one of `windows` that the class reads.
        func overhang(_ windows: Int) -> Int { max(0, -window, window + count + taps.count - 1 - windows) }
    }

    private var rowClasses: [Class] {
        let windows = geometry.windows
        return Class.all(
            size: windows.input.height, kernel: windows.kernel.height, stride: windows.stride.height,
            padding: windows.padding.height)
    }

    private var columnClasses: [Class] {
        let windows = geometry.windows
        return Class.all(
            size: windows.input.width, kernel: windows.kernel.width, stride: windows.stride.width,
            padding: windows.padding.width)
    }

    /// For each class of rows and of columns the transposed weights of its taps, in the order of the windows, by the blocks of
    /// channels that the kernel takes.
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        let (channels, outputs) = (geometry.windows.channels, geometry.outputs)
        let block = engine.kernels.convolution.directBlock
        return engine.tensor(packed.shape) { turned in
            packed.withElements { packed in
                var target = turned
                for rows in rowClasses {
                    for columns in columnClasses {
                        let taps = rows.taps.flatMap { row in
                            columns.taps.map { row * geometry.windows.kernel.width + $0 }
                        }
                        for first in stride(from: 0, to: channels, by: block) {
                            let width = min(block, channels - first)
                            for tap in taps {
                                engine.kernels.rows.transpose(
                                    packed + (tap * channels + first) * outputs, target, width, outputs, false)
                                target += width * outputs
                            }
                        }
                    }
                }
            }
        }
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        let (output, outputs) = (geometry.windows.output, geometry.outputs)
        let (rowClasses, columnClasses) = (rowClasses, columnClasses)
        let margin = Volume(
            depth: 0, height: rowClasses.map { $0.overhang(output.height) }.max() ?? 0,
            width: columnClasses.map { $0.overhang(output.width) }.max() ?? 0)
        let padded = output.combined(with: margin) { $0 + 2 * $1 }
        let size = Volume(depth: 1, height: output.height, width: output.width)
        let (images, each) = (count * output.depth, padded.height * padded.width * outputs)
        // A class computes whole padded rows; the last one may read a row too far, into places that nobody uses.
        let slack = padded.width * outputs
        engine.withScratch(images * each + slack) { scratch in
            for index in 0..<images {
                engine.kernels.convolution.pad(
                    dy + index * size.count * outputs, scratch + index * each, size, outputs, margin)
            }
            engine.withScratch(images * padded.height * padded.width * geometry.windows.channels) { result in
                var filter = weights
                for rows in rowClasses {
                    for columns in columnClasses {
                        let start = (rows.window + margin.height) * padded.width + columns.window + margin.width
                        let stack = ImageStack(
                            count: images, inputStride: each,
                            outputStride: padded.height * padded.width
                                * geometry.windows.channels)
                        compute(
                            scratch + start * outputs, padded.width, stack, rows, columns, filter, result, dx, adds,
                            engine)
                        filter += rows.taps.count * columns.taps.count * outputs * geometry.windows.channels
                    }
                }
            }
        }
    }

    /// One class of pixels of all images.
    private func compute(
        _ dy: Source, _ width: Int, _ stack: ImageStack, _ rows: Class, _ columns: Class, _ weights: Source,
        _ result: Destination, _ images: Destination, _ adds: Bool, _ engine: Engine
    ) {
        let (windows, channels) = (geometry.windows, geometry.windows.channels)
        let stride = windows.stride
        // Pixels that no window holds have no gradient.
        let isEmpty = rows.taps.isEmpty || columns.taps.isEmpty
        let resultWidth = isEmpty ? columns.count : width - columns.taps.count + 1
        if isEmpty {
            if adds { return }
            result.update(repeating: 0, count: rows.count * columns.count * channels)
        } else {
            engine.kernels.convolution.direct(
                dy, weights, nil, result,
                Windows(
                    input: Volume(depth: 1, height: rows.count + rows.taps.count - 1, width: width),
                    channels: geometry.outputs,
                    kernel: Volume(depth: 1, height: rows.taps.count, width: columns.taps.count)), channels, stack,
                false)
        }
        for index in 0..<stack.count {
            let source = result + (isEmpty ? 0 : index * stack.outputStride)
            let image = images + index * windows.input.height * windows.input.width * channels
            for row in 0..<rows.count {
                let line = (rows.first + row * stride.height) * windows.input.width + columns.first
                engine.kernels.rows.copy(
                    source + row * resultWidth * channels, channels, image + line * channels, stride.width * channels,
                    columns.count, channels, adds)
            }
        }
    }
}
