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

    /// Gathers the functions.
    public init(
        lanes: Int, transformWeights: @escaping @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void,
        restoreWeights: @escaping @Sendable (Source, Destination, TileGrid, WinogradPass) -> Void,
        convolve:
            @escaping @Sendable (Source, Source, Source?, Destination, Int, TileGrid, WinogradPass, Destination, Bool)
            ->
            Void,
        weightGradient:
            @escaping @Sendable (Source, Source, Destination, Int, TileGrid, WinogradPass, Destination) -> Void
    ) {
        self.lanes = lanes
        self.transformWeights = transformWeights
        self.restoreWeights = restoreWeights
        self.convolve = convolve
        self.weightGradient = weightGradient
    }
}
