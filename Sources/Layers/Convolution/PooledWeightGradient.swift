import Kernels
import Tensors

/// The gradient of the weights of a convolution of few channels, from a pooled gradient alone: a quarter of the
/// multiplications, and nobody has to write the gradient of the outputs.
struct PooledWeightGradient: Sendable {
    private let direct: DirectConvolution
    private let gradient: PooledGradient
    private let kernel: ConvolutionKernels.PooledWeightGradient

    /// Nil when the kernels cannot serve the sizes.
    init?(_ direct: DirectConvolution, _ gradient: PooledGradient, _ kernels: ConvolutionKernels) {
        let (windows, pooling) = (direct.geometry.windows, gradient.windows)
        let square = Volume(depth: 1, height: 2, width: 2)
        guard let kernel = kernels.pooledWeightGradient, windows.stride == 1, windows.dilation == 1,
            windows.input.depth == 1, windows.output.depth == 1,
            (windows.kernel.width + 1) * windows.channels <= kernels.directLanes,
            pooling.kernel == square, pooling.stride == square, pooling.padding == 0, pooling.dilation == 1
        else { return nil }
        self.direct = direct
        self.gradient = gradient
        self.kernel = kernel
    }

    /// Adds the gradient over some images, which lie at `images`.
    func add(_ images: Source, _ part: Range<Int>, _ sums: Destination, _ engine: Engine) {
        let lanes = engine.kernels.convolution.directLanes
        let results = gradient.windows.output.count
        direct.withPadded(images, direct.paddedInput, part.count, slack: lanes, engine) { padded, windows in
            let stack = ImageStack(
                count: part.count, inputStride: windows.inputCount, outputStride: results * gradient.windows.channels)
            engine.withScratch(2 * lanes * results) { scratch in
                gradient.withWindows(of: part) { dy, taps in
                    kernel(padded, dy, taps, sums, windows, gradient.windows.channels, stack, scratch)
                }
            }
        }
    }
}
