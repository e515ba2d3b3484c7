/// Packing of image windows for convolution by matrix multiplication, and convolution of single channels.
public struct ConvolutionKernels: Sendable {
    /// One input `[D, H, W, C]` to rows `[windows, taps · C]`, zeros outside the input: `(image, rows, windows)`.
    public let pack: @Sendable (Source, Destination, Windows) -> Void
    /// Adds rows back to where `pack` took them from: `(rows, image, windows)`.
    public let unpackAdding: @Sendable (Source, Destination, Windows) -> Void
    /// Weights `[out, in, taps]` to `[taps, in, out]`: `(weights, packed, out, in, taps)`.
    public let packWeights: @Sendable (Source, Destination, Int, Int, Int) -> Void
    /// The way back: `(packed, weights, out, in, taps, accumulate)`.
    public let unpackWeights: @Sendable (Source, Destination, Int, Int, Int, Bool) -> Void
    /// Packed weights `[taps, in, out]` to those of the input's gradient, `[reversed taps, out, in]`:
    /// `(packed, flipped, out, in, taps)`.
    public let flipWeights: @Sendable (Source, Destination, Int, Int, Int) -> Void
    /// Weights `[out, in, taps]` to those of the gradient of some inputs, `[reversed taps, out, some]`:
    /// `(weights, packed, out, in, taps, some)`.
    public let packFlippedWeights: @Sendable (Source, Destination, Int, Int, Int, Range<Int>) -> Void
    /// One input with zeros on both sides of each axis: `(image, padded, input, channels, margin)`.
    public let pad: @Sendable (Source, Destination, Volume, Int, Volume) -> Void
    /// The number of output channels must be a multiple of this for the two below.
    public let directLanes: Int
    /// Output channels whose weights are neighbours for ``direct``: with more of them in a row, the lines that a tile reads
    /// would fall into few sets of the cache.
    public let directBlock: Int
    /// Padded images, windows without padding, weights `[out / block, taps, in, block]`, where the last block has what is
    /// left; sums begin with the bias, zero or, to accumulate, the output:
    /// `(padded, weights, bias, output, windows, out, images, accumulate)`.
    public let direct: @Sendable (Source, Source, Source?, Destination, Windows, Int, ImageStack, Bool) -> Void
    /// Adds to the gradient of the packed weights: `(padded, dy, dWeights, windows, out, images)`.
    public let directWeightGradient: @Sendable (Source, Source, Destination, Windows, Int, ImageStack) -> Void
    /// c `[rows, columns]` = or += a · b `[depth, columns]`, for whole vectors of columns:
    /// `(a, distance of its rows, distance of its columns, b, c, distance of the rows of both, rows, columns, depth,
    /// accumulate)`.
    public let product: MatrixProduct
    /// The same sums for an `a` with many zeros, over which it passes: what is multiplied by them does not count, even if it
    /// is not finite.
    public let sparseProduct: MatrixProduct
    /// See ``product``.
    public typealias MatrixProduct =
        @Sendable (Source, Int, Int, Source, Destination, Int, Int, Int, Int, Bool) -> Void
    /// One image, each channel with its own filter; weights `[taps, C]`: `(image, weights, output, windows)`.
    public let depthwise: @Sendable (Source, Source, Destination, Windows) -> Void
    /// The same for the gradient of the image: `(dy, weights, dImage, windows, accumulate)`.
    public let depthwiseInputGradient: @Sendable (Source, Source, Destination, Windows, Bool) -> Void
    /// The same for the gradient of the weights, which is added to: `(image, dy, dWeights, windows)`.
    public let depthwiseWeightGradient: @Sendable (Source, Source, Destination, Windows) -> Void

    /// Gathers the functions.
    public init(
        pack: @escaping @Sendable (Source, Destination, Windows) -> Void,
        unpackAdding: @escaping @Sendable (Source, Destination, Windows) -> Void,
        packWeights: @escaping @Sendable (Source, Destination, Int, Int, Int) -> Void,
        unpackWeights: @escaping @Sendable (Source, Destination, Int, Int, Int, Bool) -> Void,
        flipWeights: @escaping @Sendable (Source, Destination, Int, Int, Int) -> Void,
        packFlippedWeights: @escaping @Sendable (Source, Destination, Int, Int, Int, Range<Int>) -> Void,
        pad: @escaping @Sendable (Source, Destination, Volume, Int, Volume) -> Void,
        directLanes: Int,
        directBlock: Int,
        direct: @escaping @Sendable (Source, Source, Source?, Destination, Windows, Int, ImageStack, Bool) -> Void,
        directWeightGradient: @escaping @Sendable (Source, Source, Destination, Windows, Int, ImageStack) -> Void,
        product: @escaping MatrixProduct,
        sparseProduct: @escaping MatrixProduct,
        depthwise: @escaping @Sendable (Source, Source, Destination, Windows) -> Void,
        depthwiseInputGradient: @escaping @Sendable (Source, Source, Destination, Windows, Bool) -> Void,
        depthwiseWeightGradient: @escaping @Sendable (Source, Source, Destination, Windows) -> Void
    ) {
        self.pack = pack
        self.unpackAdding = unpackAdding
        self.packWeights = packWeights
        self.unpackWeights = unpackWeights
        self.flipWeights = flipWeights
        self.packFlippedWeights = packFlippedWeights
        self.pad = pad
        self.directLanes = directLanes
        self.directBlock = directBlock
        self.direct = direct
        self.directWeightGradient = directWeightGradient
        self.product = product
        self.sparseProduct = sparseProduct
        self.depthwise = depthwise
        self.depthwiseInputGradient = depthwiseInputGradient
        self.depthwiseWeightGradient = depthwiseWeightGradient
    }
}
