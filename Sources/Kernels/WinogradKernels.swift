/// Convolution with 3×3 taps (a pile of them for clips) and stride 1 by Winograd's algorithm F(4×4, 3×3), which needs a
/// quarter of the direct method's multiplications.
///
/// Channels and outputs must be multiples of `lanes`. A call computes a pass; transformed weights are those of a pass.
///
/// - Source: Lavin and Gray 2015, "Fast algorithms for convolutional neural networks".
public struct WinogradKernels: Sendable {
    /// Floats of a register.
    public let lanes: Int
    /// Packed weights `[taps, in, out]` to the transformed domain: `(packed, transformed, grid, pass)`.
    public let transformWeights: @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void
    /// The gradient of transformed weights to that of the packed ones: `(transformed, packed, grid, pass)`.
    public let restoreWeights: @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void
    /// Some images; sums begin with the bias, zero or, to accumulate, the output:
    /// `(images, transformed weights, bias, output, count, grid, pass, scratch, accumulate)`.
    public let convolve:
        @Sendable (Source, Source, Source?, Destination, Int, TileGrid, WinogradPass, Destination, Bool) -> Void
    /// Adds to the gradient of the transformed weights: `(images, dy, dWeights, count, grid, pass, scratch)`.
    public let weightGradient: @Sendable (Source, Source, Destination, Int, TileGrid, WinogradPass, Destination) -> Void

    /// Packed weights for ``convolveLines``: `(packed, transformed, windows, out)`; twice as many.
    public let transformLineWeights: @Sendable (Source, Destination, Windows, Int) -> Void
    /// Windows three pixels wide with a stride of 1 on few channels, along each line by F(4, 3); for output lines of whole
    /// tiles of four: `(padded, transformed weights, bias, output, windows, out, images, scratch)`.
    ///
    /// Reads up to ``Windows/transformedLine`` and five pixels from where a line begins, also behind the last one. Scratch
    /// has room for six transformed lines for each row of the kernel.
    public let convolveLines:
        @Sendable (Source, Source, Source?, Destination, Windows, Int, ImageStack, Destination) -> Void

    /// Gathers the functions.
    public init(
        lanes: Int, transformWeights: @escaping @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void,
        restoreWeights: @escaping @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void,
        convolve:
            @escaping @Sendable (Source, Source, Source?, Destination, Int, TileGrid, WinogradPass, Destination, Bool)
            ->
            Void,
        weightGradient:
            @escaping @Sendable (Source, Source, Destination, Int, TileGrid, WinogradPass, Destination) -> Void,
        transformLineWeights: @escaping @Sendable (Source, Destination, Windows, Int) -> Void,
        convolveLines:
            @escaping @Sendable (Source, Source, Source?, Destination, Windows, Int, ImageStack, Destination) -> Void
    ) {
        self.lanes = lanes
        self.transformWeights = transformWeights
        self.restoreWeights = restoreWeights
        self.convolve = convolve
        self.weightGradient = weightGradient
        self.transformLineWeights = transformLineWeights
        self.convolveLines = convolveLines
    }
}
