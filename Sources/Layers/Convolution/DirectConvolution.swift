import Kernels
import Tensors

/// Reads the windows from a padded input in place; for one group and whole vectors of output channels.
struct DirectConvolution: PlainAlgorithm {
    static let name = "direct"
    let geometry: ConvolutionGeometry

    /// Whether the kernels can compute the outputs.
    static func serves(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        geometry.groups == 1 && !geometry.isPointwise && geometry.outputs % kernels.directLanes == 0
    }

    /// Whether the kernels can compute the input's gradient: the convolution of the padded output gradient with the
    /// reversed weights, which needs a stride of 1.
    static func servesInputGradient(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        geometry.groups == 1 && !geometry.isPointwise && geometry.windows.stride == 1
            && geometry.windows.channels % kernels.directLanes == 0
            && gradientMargin(geometry).sizes.allSatisfy { $0 >= 0 }
    }

    /// Where outputs are few, so many images that the weights in the cache serve at least 256 of their pixels.
    var imagesAtOnce: Int {
        let fitting = (1 << 17) / max(geometry.pixels * geometry.windows.packedCount, 1)
        return max(1, fitting, min(16, 256 / max(geometry.pixels, 1)))
    }

    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        Self.blocks(of: packed, outputs: geometry.outputs, engine)
    }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        withPadded(images, paddedInput, count, engine) { padded, windows in
            let stack = ImageStack(
                count: count, inputStride: windows.inputCount, outputStride: geometry.outputCount)
            engine.kernels.convolution.direct(
                padded, weights, bias, output, windows, geometry.outputs, stack, false)
        }
        return true
    }

    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        let flipped = engine.tensor(packed.shape) { flipped in
            packed.withElements {
                engine.kernels.convolution.flipWeights(
                    $0, flipped, geometry.outputs, geometry.windows.channels, geometry.taps)
            }
        }
        return Self.blocks(of: flipped, outputs: geometry.windows.channels, engine)
    }

    /// Weights `[…, out]` by blocks of outputs, as the kernel takes them.
    private static func blocks(of weights: Tensor, outputs: Int, _ engine: Engine) -> Tensor {
        let (block, rows) = (engine.kernels.convolution.directBlock, weights.count / outputs)
        if outputs <= block { return weights }
        return engine.tensor(weights.shape) { blocks in
            weights.withElements { weights in
                let (weights, blocks) = (SharedSource(weights), SharedPointer(blocks))
                engine.split(outputs, grain: block) { part in
                    engine.kernels.rows.copy(
                        weights.base + part.lowerBound, outputs, blocks.base + part.lowerBound * rows, part.count, rows,
                        part.count, false)
                }
            }
        }
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        let gradient = PaddedInput(
            size: geometry.windows.output, channels: geometry.outputs, margin: Self.gradientMargin(geometry), stride: 1)
        withPadded(dy, gradient, count, engine) { padded, windows in
            let stack = ImageStack(count: count, inputStride: windows.inputCount, outputStride: geometry.imageCount)
            engine.kernels.convolution.direct(
                padded, weights, nil, dx, windows, geometry.windows.channels, stack, adds)
        }
    }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        withPadded(images, paddedInput, count, engine) { padded, windows in
            let stack = ImageStack(
                count: count, inputStride: windows.inputCount, outputStride: geometry.outputCount)
            forEachPlane(windows) { plane, offset, place in
                engine.kernels.convolution.directWeightGradient(
                    padded + offset, dy + place * geometry.outputs, sums, plane, geometry.outputs, stack)
            }
        }
    }

    /// An input, the zeros that it needs around it, and the distance of the windows on it.
    struct PaddedInput {
        let size: Volume
        let channels: Int
        let margin: Volume
        let stride: Volume
    }

    var paddedInput: PaddedInput {
        let windows = geometry.windows
        return PaddedInput(
            size: windows.input, channels: windows.channels, margin: windows.padding, stride: windows.stride)
    }

    /// Zeros around the output's gradient from which the input's gradient is a convolution of the input's size.
    private static func gradientMargin(_ geometry: ConvolutionGeometry) -> Volume {
        geometry.windows.kernel.combined(with: geometry.windows.dilation) { $1 * ($0 - 1) }
            .combined(with: geometry.windows.padding) { $0 - $1 }
    }

    /// Calls `body` with the inputs, each with its zeros around it, and the windows on one of them; `slack` floats behind the
    /// last one may be read.
    func withPadded(
        _ images: Source, _ input: PaddedInput, _ count: Int, slack: Int = 0, _ engine: Engine,
        _ body: (_ padded: Source, _ windows: Windows) -> Void
    ) {
        let windows = Windows(
            input: input.size.combined(with: input.margin) { $0 + 2 * $1 }, channels: input.channels,
            kernel: geometry.windows.kernel, stride: input.stride, dilation: geometry.windows.dilation)
        if input.margin == 0 && slack == 0 { return body(images, windows) }
        let size = input.size.count * input.channels
        engine.withScratch(count * windows.inputCount + slack) { padded in
            (padded + count * windows.inputCount).update(repeating: 0, count: slack)
            for index in 0..<count {
                engine.kernels.convolution.pad(
                    images + index * size, padded + index * windows.inputCount, input.size, input.channels,
                    input.margin)
            }
            body(padded, windows)
        }
    }

    /// Cuts windows into planes of outputs, so that a plane stays in the cache while the taps pass over it: calls `body`
    /// with the windows of each plane, where its input begins, and the number of its first window.
    private func forEachPlane(_ windows: Windows, _ body: (_ plane: Windows, _ offset: Int, _ place: Int) -> Void) {
        let (input, output) = (windows.input, windows.output)
        let reach = (windows.kernel.depth - 1) * windows.dilation.depth + 1
        let plane = Windows(
            input: Volume(depth: reach, height: input.height, width: input.width), channels: windows.channels,
            kernel: windows.kernel, stride: windows.stride, dilation: windows.dilation)
        let planeCount = input.height * input.width * windows.channels
        for index in 0..<output.depth {
            body(plane, index * windows.stride.depth * planeCount, index * output.height * output.width)
        }
    }
}
