import Kernels
import Tensors

/// Both gradients of a 3×3 convolution with a vector of input channels, from a pooled gradient alone.
struct WinnerGradients: PooledWeightGradient {
    /// With many input channels Winograd's algorithm has few transforms for each product, and is faster.
    private static let mostChannels = 16
    private let direct: DirectConvolution
    private var geometry: ConvolutionGeometry { direct.geometry }

    /// Nil when the kernels cannot serve the sizes.
    init?(_ geometry: ConvolutionGeometry, _ kernels: KernelSet) {
        let windows = geometry.windows
        guard windows.kernel == Volume(depth: 1, height: 3, width: 3), geometry.groups == 1,
            windows.channels % kernels.pooledGradient.lanes == 0, windows.channels <= Self.mostChannels,
            geometry.outputs % PooledGradientKernels.outputs == 0
        else { return nil }
        direct = DirectConvolution(geometry: geometry)
    }

    var weightSums: Int { geometry.weights }

    func add(_ images: Source, _ gradient: PooledGradient, _ sums: Destination, _ engine: Engine) {
        engine.withScratch(2 * gradient.imageCount) { scratch in
            gradient.forEachImage { index, dy, taps in
                direct.withPadded(images + index * geometry.imageCount, direct.paddedInput, 1, engine) {
                    engine.kernels.pooledGradient.weightGradient($0, dy, taps, sums, $1, geometry.outputs, scratch)
                }
            }
        }
    }

    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void) {
        engine.withScratch(geometry.weights) { packed in
            engine.kernels.rows.transpose(sums, packed, geometry.outputs, geometry.windows.packedCount, false)
            body(packed)
        }
    }

    /// The weights that `writeInput` takes, from the packed ones.
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor(packed.shape) { weights in
            packed.withElements {
                engine.kernels.rows.transpose($0, weights, geometry.windows.packedCount, geometry.outputs, false)
            }
        }
    }

    /// Writes the gradient of the input images, which begin at `dx`, or adds to it.
    func writeInput(
        _ gradient: PooledGradient, _ weights: Source, _ dx: Destination, _ adds: Bool, _ engine: Engine
    ) {
        engine.withScratch(gradient.imageCount / 8) { scratch in
            gradient.forEachImage { index, dy, taps in
                engine.kernels.pooledGradient.inputGradient(
                    dy, taps, weights, dx + index * geometry.imageCount, geometry.windows, geometry.outputs, adds,
                    scratch)
            }
        }
    }
}
