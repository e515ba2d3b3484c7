import Kernels
import Tensors

/// The gradient of a convolution's output that max pooling hands back: a window's goes to its winner, or nowhere where
/// the winner's tap is −1.
struct PooledGradient: Sendable {
    /// The gradients of the windows.
    let dy: Tensor
    /// The winners.
    let taps: WinningTaps

    var windows: Windows { taps.windows }
    /// Floats of an image's gradient.
    var imageCount: Int { windows.output.count * windows.channels }

    /// The ways to a convolution's gradients from this one alone, where there are any.
    func algorithms(
        for geometry: ConvolutionGeometry, _ kernels: KernelSet
    ) -> (weight: (any PooledWeightGradient)?, input: WinnerGradients?) {
        let square = Volume(depth: 1, height: 2, width: 2)
        guard windows.kernel == square, windows.stride == square, windows.padding == 0, windows.dilation == 1,
            geometry.windows.stride == 1, geometry.windows.dilation == 1, geometry.windows.input.depth == 1,
            geometry.windows.output.depth == 1
        else { return (nil, nil) }
        let winners = WinnerGradients(geometry, kernels)
        return (winners ?? PermutedWeightGradient(geometry, kernels), winners)
    }

    /// Writes the gradients of the outputs themselves.
    func spread(_ images: Range<Int>, _ place: Destination, _ engine: Engine) {
        forEachImage(of: images) { index, dy, taps in
            engine.kernels.pooling.maximumGradient(dy, taps, place + index * windows.inputCount, windows, false)
        }
    }

    /// Adds each channel's sum over the outputs.
    func addSums(_ images: Range<Int>, _ sums: Destination, _ engine: Engine) {
        forEachImage(of: images) { _, dy, taps in
            engine.kernels.pooling.maximumGradientSums(dy, taps, sums, windows)
        }
    }

    /// Calls `body` with the gradients and winners of some images, numbered from 0.
    func forEachImage(
        of images: Range<Int>, _ body: (_ index: Int, _ dy: Source, _ taps: UnsafePointer<Int8>) -> Void
    ) {
        dy.withElements { dy in
            for (index, image) in images.enumerated() { body(index, dy + image * imageCount, taps[image]) }
        }
    }
}

/// A way to the gradient of a convolution's weights from a pooled gradient alone: a quarter of the multiplications, and
/// nobody has to write the gradient of the outputs.
protocol PooledWeightGradient: Sendable {
    /// Floats in which `add` sums.
    var weightSums: Int { get }

    /// Adds the gradient over some images, which lie at `images`.
    func add(
        _ images: Source, _ gradient: PooledGradient, _ part: Range<Int>, _ sums: Destination, _ engine: Engine)

    /// Calls `body` with the gradient of the packed weights, from the sums.
    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void)
}
