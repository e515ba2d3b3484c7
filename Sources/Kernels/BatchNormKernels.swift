/// Batch norm with what surrounds it, on `[rows, channels]` of whole vectors of channels.
///
/// Wherever a sign decides, x · scale + shift is computed in the same way, so forward and backward agree.
public struct BatchNormKernels: Sendable {
    /// The number of channels must be a multiple of this.
    public let lanes: Int
    /// y = x · scale[c] + shift[c] + residual, and max(y, 0) if it rectifies:
    /// `(x, scale, shift, residual, y, rows, channels, rectifies)`.
    public let normalize: @Sendable (Source, Source, Source, Source?, Destination, Int, Int, Bool) -> Void
    /// Σ dy and Σ dy · (x − mean); if it is masked only where x · scale + shift > 0:
    /// `(x, dy, mean, scale, shift, sumDy, sumDyX, rows, channels, masked)`.
    public let gradientSums:
        @Sendable (Source, Source, Source, Source, Source, Destination, Destination, Int, Int, Bool) -> Void
    /// dx = a[c] · dy + b[c] · (x − mean[c]) + d[c]; if it is masked dy counts only where x · scale + shift > 0:
    /// `(x, dy, mean, scale, shift, a, b, d, dx, rows, channels, masked)`.
    public let gradient:
        @Sendable (
            Source, Source, Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool
        ) -> Void

    /// Gathers the functions.
    public init(
        lanes: Int,
        normalize: @escaping @Sendable (Source, Source, Source, Source?, Destination, Int, Int, Bool) -> Void,
        gradientSums:
            @escaping @Sendable (Source, Source, Source, Source, Source, Destination, Destination, Int, Int, Bool) ->
            Void,
        gradient:
            @escaping @Sendable (
                Source, Source, Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool
            ) -> Void
    ) {
        self.lanes = lanes
        self.normalize = normalize
        self.gradientSums = gradientSums
        self.gradient = gradient
    }
}
