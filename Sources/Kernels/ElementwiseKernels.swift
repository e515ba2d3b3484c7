/// Loops over single elements; see the members' types for the order of arguments.
public struct ElementwiseKernels: Sendable {
    /// y = a + b: `(a, b, y, count)`; y may be a or b.
    public let add: @Sendable (Source, Source, Destination, Int) -> Void
    /// y += x: `(x, y, count)`; x may be unaligned, as received frames are.
    public let accumulate: @Sendable (UnsafeRawPointer, Destination, Int) -> Void
    /// y *= factor: `(y, factor, count)`.
    public let scale: @Sendable (Destination, Float, Int) -> Void
    /// y = max(x, 0), a NaN stays: `(x, y, count)`; y may be x.
    public let relu: @Sendable (Source, Destination, Int) -> Void
    /// dx = dy where y > 0, else 0: `(y, dy, dx, count, accumulate)`; dx may be dy.
    public let reluGradient: @Sendable (Source, Source, Destination, Int, Bool) -> Void
    /// y = 1 / (1 + e⁻ˣ): `(x, y, count)`; y may be x.
    public let sigmoid: @Sendable (Source, Destination, Int) -> Void
    /// y = tanh x: `(x, y, count)`; y may be x.
    public let tanh: @Sendable (Source, Destination, Int) -> Void
    /// y = x · factor where number `i` of a random stream is kept, else 0:
    /// `(x, y, count, stream position, threshold, factor, accumulate)`; an element is dropped when the top 32 bits of its number are
    /// below `threshold`.
    public let dropout: @Sendable (Source, Destination, Int, UInt64, UInt64, Float, Bool) -> Void
    /// The sum of squares, in double precision: `(x, count)`.
    public let sumOfSquares: @Sendable (Source, Int) -> Double
    /// Whether nothing is infinite or not a number: `(x, count)`.
    public let isFinite: @Sendable (Source, Int) -> Bool
    /// How many are zero, whatever its sign: `(x, count)`.
    public let zeroCount: @Sendable (Source, Int) -> Int

    /// Gathers the functions.
    public init(
        add: @escaping @Sendable (Source, Source, Destination, Int) -> Void,
        accumulate: @escaping @Sendable (UnsafeRawPointer, Destination, Int) -> Void,
        scale: @escaping @Sendable (Destination, Float, Int) -> Void,
        relu: @escaping @Sendable (Source, Destination, Int) -> Void,
        reluGradient: @escaping @Sendable (Source, Source, Destination, Int, Bool) -> Void,
        sigmoid: @escaping @Sendable (Source, Destination, Int) -> Void,
        tanh: @escaping @Sendable (Source, Destination, Int) -> Void,
        dropout: @escaping @Sendable (Source, Destination, Int, UInt64, UInt64, Float, Bool) -> Void,
        sumOfSquares: @escaping @Sendable (Source, Int) -> Double,
        isFinite: @escaping @Sendable (Source, Int) -> Bool,
        zeroCount: @escaping @Sendable (Source, Int) -> Int
    ) {
        self.add = add
        self.accumulate = accumulate
        self.scale = scale
        self.relu = relu
        self.reluGradient = reluGradient
        self.sigmoid = sigmoid
        self.tanh = tanh
        self.dropout = dropout
        self.sumOfSquares = sumOfSquares
        self.isFinite = isFinite
        self.zeroCount = zeroCount
    }
}
