import Kernels
import Tensors

/// Tiles in Winograd's domain; for 3×3 taps within an image, a stride of 1, one group and whole vectors of channels.
struct WinogradConvolution: ConvolutionAlgorithm, InputGradientAlgorithm {
    static let name = "winograd"
    private let forwardGrid: TileGrid
    private let gradientGrid: TileGrid

    /// Nil when the kernels cannot serve the sizes, or when too much of the tiles would lie outside the image.
    init?(_ geometry: ConvolutionGeometry, _ engine: Engine) {
        let (windows, lanes) = (geometry.windows, engine.kernels.winograd.lanes)
        let (kernel, dilation) = (windows.kernel, windows.dilation)
        guard engine.convolution == .auto, geometry.groups == 1, windows.stride == 1,
            kernel.height == 3, kernel.width == 3, dilation.height == dilation.width,
            windows.channels % lanes == 0, geometry.outputs % lanes == 0,
            kernel.depth % 2 == 1, windows.padding.depth == kernel.depth / 2, dilation.depth == 1 || kernel.depth == 1
        else { return nil }
        let (input, output, padding) = (windows.input, windows.output, windows.padding)
        forwardGrid = TileGrid(
            depth: input.depth, height: input.height, width: input.width, channels: windows.channels,
            outputHeight: output.height, outputWidth: output.width, outputs: geometry.outputs, top: padding.height,
            left: padding.width, dilation: dilation.height, kernelDepth: kernel.depth)
        gradientGrid = TileGrid(
            depth: input.depth, height: output.height, width: output.width, channels: geometry.outputs,
            outputHeight: input.height, outputWidth: input.width, outputs: windows.channels,
            top: 2 * dilation.height - padding.height, left: 2 * dilation.width - padding.width,
            dilation: dilation.height, kernelDepth: kernel.depth)
        // A tile costs 36 multiplications where its pixels would cost 9 each; the transforms have to be paid, too.
        guard output.height * output.width >= 6 * forwardGrid.imageTiles else { return nil }
    }

    /// Enough images for a group of strips.
    var imagesAtOnce: Int { max(1, forwardGrid.groupStrips / (forwardGrid.imageStrips * forwardGrid.depth)) }

    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor { transformed(packed, forwardGrid, engine) }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        convolve(images, weights, bias, output, count, forwardGrid, false, engine)
        return true
    }

    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        transformed(flipped(packed, engine), gradientGrid, engine)
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        convolve(dy, weights, nil, dx, count, gradientGrid, adds, engine)
    }

    var weightSums: Int { forwardGrid.weightCount(forwardGrid.wholePass) }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        engine.withScratch(forwardGrid.gradientScratchCount(forwardGrid.wholePass)) { scratch in
            engine.kernels.winograd.weightGradient(
                images, dy, sums, count, forwardGrid, forwardGrid.wholePass, scratch)
        }
    }

    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void) {
        engine.withScratch(forwardGrid.channels * forwardGrid.outputs * 9 * forwardGrid.kernelDepth) { packed in
            engine.kernels.winograd.restoreWeights(sums, packed, forwardGrid, forwardGrid.wholePass)
            body(packed)
        }
    }

    /// Whether there are so many weights that threads take outputs, not images; see ``WideWinograd``.
    var isWide: Bool { forwardGrid.weightCount(forwardGrid.wholePass) > 1 << 20 }

    /// The same convolution with threads that take outputs.
    var wide: WideWinograd { WideWinograd(forwardGrid: forwardGrid, gradientGrid: gradientGrid) }

    private func convolve(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ grid: TileGrid,
        _ adds: Bool, _ engine: Engine
    ) {
        engine.withScratch(grid.scratchCount(grid.wholePass)) { scratch in
            engine.kernels.winograd.convolve(
                images, weights, bias, output, count, grid, grid.wholePass, scratch, adds)
        }
    }

    private func transformed(_ packed: Tensor, _ grid: TileGrid, _ engine: Engine) -> Tensor {
        engine.tensor([grid.weightCount(grid.wholePass)]) { weights in
            packed.withElements { engine.kernels.winograd.transformWeights($0, weights, grid, grid.wholePass) }
        }
    }

    private func flipped(_ packed: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor(packed.shape) { flipped in
            packed.withElements {
                engine.kernels.convolution.flipWeights(
                    $0, flipped, forwardGrid.outputs, forwardGrid.channels, 9 * forwardGrid.kernelDepth)
            }
        }
    }
}
