/// Pooling over image windows, one image at a time.
///
/// Taps that won are integers of ``Windows/tapBytes`` bytes, one for each output.
public struct PoolingKernels: Sendable {
    /// The largest value of each window and its first tap in row order; a NaN wins, as in PyTorch:
    /// `(image, output, taps, windows, rectify)`.
    ///
    /// Rectified, the output is zero where nothing is positive, and the tap −1, to which no gradient goes.
    public let maximum: @Sendable (Source, Destination, UnsafeMutableRawPointer, Windows, Bool) -> Void
    /// Gives each output's gradient to the pixel that won: `(dy, taps, dImage, windows, accumulate)`.
    public let maximumGradient: @Sendable (Source, UnsafeRawPointer, Destination, Windows, Bool) -> Void
    /// Adds each channel's sum of the gradients that go to a winner: `(dy, taps, sums, windows)`.
    public let maximumGradientSums: @Sendable (Source, UnsafeRawPointer, Destination, Windows) -> Void

    /// Gathers the functions.
    public init(
        maximum: @escaping @Sendable (Source, Destination, UnsafeMutableRawPointer, Windows, Bool) -> Void,
        maximumGradient: @escaping @Sendable (Source, UnsafeRawPointer, Destination, Windows, Bool) -> Void,
        maximumGradientSums: @escaping @Sendable (Source, UnsafeRawPointer, Destination, Windows) -> Void
    ) {
        self.maximum = maximum
        self.maximumGradient = maximumGradient
        self.maximumGradientSums = maximumGradientSums
    }
}
