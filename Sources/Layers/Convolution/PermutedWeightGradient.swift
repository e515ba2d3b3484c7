import Kernels
import Tensors

/// The gradient of the weights of a convolution of few channels, from a pooled gradient alone.
struct PermutedWeightGradient: PooledWeightGradient {
    private let direct: DirectConvolution
    private let kernel: PooledGradientKernels.PermutedWeightGradient

    /// Nil when the kernels cannot serve the sizes.
    init?(_ geometry: ConvolutionGeometry, _ kernels: KernelSet) {
        let (windows, lanes) = (geometry.windows, kernels.convolution.directLanes)
        guard let kernel = kernels.pooledGradient.permutedWeightGradient,
            DirectConvolution.serves(geometry, kernels.convolution),
            (windows.kernel.width + 1) * windows.channels <= lanes
        else { return nil }
        direct = DirectConvolution(geometry: geometry)
        self.kernel = kernel
    }

    var weightSums: Int { direct.weightSums }

    func add(_ images: Source, _ gradient: PooledGradient, _ sums: Destination, _ engine: Engine) {
        let lanes = engine.kernels.convolution.directLanes
        engine.withScratch(2 * lanes * gradient.windows.output.count) { scratch in
            gradient.forEachImage { index, dy, taps in
                let image = images + index * direct.geometry.imageCount
                direct.withPadded(image, direct.paddedInput, 1, slack: lanes, engine) { padded, windows in
                    kernel(padded, dy, taps, sums, windows, gradient.windows.channels, scratch)
                }
            }
        }
    }

    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void) { body(sums) }
}
