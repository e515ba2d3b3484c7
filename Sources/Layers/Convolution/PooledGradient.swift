import Kernels
import Tensors

/// The gradient of a convolution's output that max pooling hands back, of some neighbouring images: a window's goes to its
/// winner, or nowhere where the winner's tap is −1.
struct PooledGradient {
    /// The gradients of the windows of these images, which lie in memory for as long as this is used.
    let dy: Source
    /// The winners of the whole batch.
    let taps: WinningTaps
    /// Which images of the batch.
    let images: Range<Int>

    /// The number of images.
    var count: Int { images.count }
    /// The windows on an image.
    var windows: Windows { taps.windows }
    /// Floats of an image's gradient.
    var imageCount: Int { windows.output.count * windows.channels }

    /// The ways to the gradients of a convolution with such pooling behind it from this one alone, where there are any.
    static func algorithms(
        for geometry: ConvolutionGeometry, followedBy windows: Windows, _ kernels: KernelSet
    ) -> (weights: (any PooledWeightGradient)?, input: WinnerGradients?) {
        let square = Volume(depth: 1, height: 2, width: 2)
        guard windows.kernel == square, windows.stride == square, windows.padding == 0, windows.dilation == 1,
            geometry.windows.stride == 1, geometry.windows.dilation == 1, geometry.windows.input.depth == 1,
            geometry.windows.output.depth == 1
        else { return (nil, nil) }
        let winners = WinnerGradients(geometry, kernels)
        return (winners ?? PermutedWeightGradient(geometry, kernels), winners)
    }

    /// Writes the gradients of the outputs themselves.
    func spread(_ place: Destination, _ engine: Engine) {
        forEachImage { index, dy, taps in
            engine.kernels.pooling.maximumGradient(dy, taps, place + index * windows.inputCount, windows, false)
        }
    }

    /// Adds each channel's sum over the outputs.
    func addSums(_ sums: Destination, _ engine: Engine) {
        forEachImage { _, dy, taps in engine.kernels.pooling.maximumGradientSums(dy, taps, sums, windows) }
    }

    /// Calls `body` with the gradients and winners of each image, numbered from 0.
    func forEachImage(_ body: (_ index: Int, _ dy: Source, _ taps: UnsafePointer<Int8>) -> Void) {
        for (index, image) in images.enumerated() { body(index, dy + index * imageCount, taps[image]) }
    }
}

/// A way to the gradient of a convolution's weights from a pooled gradient alone: a quarter of the multiplications, and
/// nobody has to write the gradient of the outputs.
protocol PooledWeightGradient: Sendable {
    /// Floats in which `add` sums.
    var weightSums: Int { get }

    /// Adds the gradient over the images that lie at `images`.
    func add(_ images: Source, _ gradient: PooledGradient, _ sums: Destination, _ engine: Engine)

    /// Calls `body` with the gradient of the packed weights, from the sums.
    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void)
}
