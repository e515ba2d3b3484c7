/// Loops over `[rows, channels]`, such as all pixels of a batch of images.
public struct RowKernels: Sendable {
    /// x[r, c] += bias[c]: `(x, bias, rows, channels)`.
    public let addBias: @Sendable (Destination, Source, Int, Int) -> Void
    /// sums[c] = Σ x[r, c]: `(x, sums, rows, channels, accumulate)`.
    public let sum: @Sendable (Source, Destination, Int, Int, Bool) -> Void
    /// mean[c] and m2[c] = Σ (x[r, c] − mean[c])², merged block by block as by Chan 1979:
    /// `(x, mean, m2, rows, channels)`.
    public let moments: @Sendable (Source, Destination, Destination, Int, Int) -> Void
    /// y = x · scale[c] + shift[c]: `(x, scale, shift, y, rows, channels)`.
    public let affine: @Sendable (Source, Source, Source, Destination, Int, Int) -> Void
    /// Sums for the backward pass of batch norm, Σ dy and Σ dy · (x − mean):
    /// `(x, dy, mean, sumDy, sumDyX, rows, channels)`.
    public let gradientSums: @Sendable (Source, Source, Source, Destination, Destination, Int, Int) -> Void
    /// dx = a[c] · dy + b[c] · (x − mean[c]) + d[c]: `(x, dy, mean, a, b, d, dx, rows, channels, accumulate)`.
    public let affineGradient:
        @Sendable (Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool) -> Void
    /// y[c, r] = x[r, c]: `(x, y, rows, channels, accumulate)`.
    public let transpose: @Sendable (Source, Destination, Int, Int, Bool) -> Void

    /// Gathers the functions.
    public init(
        addBias: @escaping @Sendable (Destination, Source, Int, Int) -> Void,
        sum: @escaping @Sendable (Source, Destination, Int, Int, Bool) -> Void,
        moments: @escaping @Sendable (Source, Destination, Destination, Int, Int) -> Void,
        affine: @escaping @Sendable (Source, Source, Source, Destination, Int, Int) -> Void,
        gradientSums: @escaping @Sendable (Source, Source, Source, Destination, Destination, Int, Int) -> Void,
        affineGradient:
            @escaping @Sendable (Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool) -> Void,
        transpose: @escaping @Sendable (Source, Destination, Int, Int, Bool) -> Void
    ) {
        self.addBias = addBias
        self.sum = sum
        self.moments = moments
        self.affine = affine
        self.gradientSums = gradientSums
        self.affineGradient = affineGradient
        self.transpose = transpose
    }
}
