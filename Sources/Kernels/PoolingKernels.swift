/// Pooling over image windows, one image at a time.
public struct PoolingKernels: Sendable {
    /// The largest value of each window and its first tap in row order; a NaN wins, as in PyTorch:
    /// `(image, output, taps, windows, rectify)`.
    ///
    /// Rectified, the output is zero where nothing is positive, and the tap −1, to which no gradient goes.
    public let maximum: @Sendable (Source, Destination, UnsafeMutablePointer<Int32>, Windows, Bool) -> Void
    /// Gives each output's gradient to the pixel that won: `(dy, taps, dImage, windows, accumulate)`.
    public let maximumGradient: @Sendable (Source, UnsafePointer<Int32>, Destination, Windows, Bool) -> Void
    /// Adds each channel's sum of the gradients that go to a winner: `(dy, taps, sums, windows, channels)`.
    public let maximumGradientSums: @Sendable (Source, UnsafePointer<Int32>, Destination, Int, Int) -> Void

    /// Gathers the functions.
    public init(
        maximum: @escaping @Sendable (Source, Destination, UnsafeMutablePointer<Int32>, Windows, Bool) -> Void,
        maximumGradient: @escaping @Sendable (Source, UnsafePointer<Int32>, Destination, Windows, Bool) -> Void,
        maximumGradientSums: @escaping @Sendable (Source, UnsafePointer<Int32>, Destination, Int, Int) -> Void
    ) {
        self.maximum = maximum
        self.maximumGradient = maximumGradient
        self.maximumGradientSums = maximumGradientSums
    }
}
