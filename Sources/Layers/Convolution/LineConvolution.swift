import Kernels
import Tensors

/// Winograd's algorithm along the lines of images with few channels; the gradient of the weights by the direct method.
struct LineConvolution: ConvolutionAlgorithm {
    static let name = "winograd_lines"
    private let direct: DirectConvolution
    private var geometry: ConvolutionGeometry { direct.geometry }

    /// Nil when the kernels cannot serve the sizes.
    init?(_ direct: DirectConvolution, _ engine: Engine) {
        let windows = direct.geometry.windows
        guard engine.convolution == .auto, DirectConvolution.serves(direct.geometry, engine.kernels.convolution),
            windows.channels <= 4, windows.kernel.width == 3, windows.stride == 1, windows.dilation == 1,
            windows.input.depth == 1, windows.kernel.depth == 1, windows.padding.depth == 0,
            windows.output.width % 4 == 0
        else { return nil }
        self.direct = direct
    }

    var imagesAtOnce: Int { direct.imagesAtOnce }

    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor([2 * geometry.weights]) { transformed in
            packed.withElements {
                engine.kernels.winograd.transformLineWeights($0, transformed, geometry.windows, geometry.outputs)
            }
        }
    }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        let slack = geometry.windows.transformedLine + 5 * geometry.windows.channels
        direct.withPadded(images, direct.paddedInput, count, slack: slack, engine) { padded, windows in
            let stack = ImageStack(count: count, inputStride: windows.inputCount, outputStride: geometry.outputCount)
            engine.withScratch(6 * windows.kernel.height * windows.transformedLine) { lines in
                engine.kernels.winograd.convolveLines(
                    padded, weights, bias, output, windows, geometry.outputs, stack, lines)
            }
        }
        return true
    }

    var weightSums: Int { direct.weightSums }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        direct.addWeightGradient(images, dy, sums, count, engine)
    }
}
