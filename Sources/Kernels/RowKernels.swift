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
    /// y[r, c] = x[r, c] · factors[c]: `(x, factors, y, rows, channels, accumulate)`.
    public let scale: @Sendable (Source, Source, Destination, Int, Int, Bool) -> Void
    /// y[r, c] = x[r, c] with rows so many floats apart: `(x, stride, y, stride, rows, channels, accumulate)`.
    public let copy: @Sendable (Source, Int, Destination, Int, Int, Int, Bool) -> Void
    /// y[r, c] = eˣ / Σ eˣ over the channels of each row: `(x, y, rows, channels)`.
    public let softmax: @Sendable (Source, Destination, Int, Int) -> Void
    /// dx = y · (dy − Σ y · dy): `(y, dy, dx, rows, channels, accumulate)`.
    public let softmaxGradient: @Sendable (Source, Source, Destination, Int, Int, Bool) -> Void
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
        scale: @escaping @Sendable (Source, Source, Destination, Int, Int, Bool) -> Void,
        copy: @escaping @Sendable (Source, Int, Destination, Int, Int, Int, Bool) -> Void,
        softmax: @escaping @Sendable (Source, Destination, Int, Int) -> Void,
        softmaxGradient: @escaping @Sendable (Source, Source, Destination, Int, Int, Bool) -> Void,
        transpose: @escaping @Sendable (Source, Destination, Int, Int, Bool) -> Void
    ) {
        self.addBias = addBias
        self.sum = sum
        self.moments = moments
        self.affine = affine
        self.gradientSums = gradientSums
        self.affineGradient = affineGradient
        self.scale = scale
        self.copy = copy
        self.softmax = softmax
        self.softmaxGradient = softmaxGradient
        self.transpose = transpose
    }
}
