/// Where the four blocks of an LSTM's gates lie; input and forget gate are the first two.
public struct GateOrder: Sendable {
    /// The block of the candidate g, which passes through tanh.
    public let candidate: Int
    /// The block of the output gate o.
    public let output: Int

    /// i, f, g, o: that of `torch.nn.LSTM`.
    public static let candidateBeforeOutput = GateOrder(candidate: 2, output: 3)
    /// i, f, o, g: usual for convolutional LSTMs.
    public static let outputBeforeCandidate = GateOrder(candidate: 3, output: 2)
}

/// One step of recurrent layers without its matrix products; states are `[rows, size]`, gates `[rows, 4 · size]`.
///
/// Where there is no previous state it is zero.
public struct RecurrentKernels: Sendable {
    /// c = f · c' + i · g and h = o · tanh c; the gates, to which `addend` is added first, become their activations:
    /// `(gates, addend, previous cells, cells, hidden, rows, size, order)`.
    public let lstm: @Sendable (Destination, Source?, Source?, Destination, Destination, Int, Int, GateOrder) -> Void
    /// From activations, cells and the gradient of h, the gradient of the gates' sums; the gradient of the cells
    /// becomes that of the previous ones: `(gates, previous cells, cells, dHidden, dCells, dGates, rows, size, order)`.
    public let lstmGradient:
        @Sendable (Source, Source?, Source, Source, Destination, Destination, Int, Int, GateOrder) -> Void
    /// n = tanh(xₙ + r · hₙ) and h = n + z · (h' − n); the blocks xₙ, r, z, hₙ become n, r, z, hₙ:
    /// `(gates, previous hidden, hidden, rows, size)`.
    public let gru: @Sendable (Destination, Source?, Destination, Int, Int) -> Void
    /// The gradient of the blocks' sums; the gradient of h becomes what reaches h' directly:
    /// `(gates, previous hidden, dHidden, dGates, rows, size)`.
    public let gruGradient: @Sendable (Source, Source?, Destination, Destination, Int, Int) -> Void
    /// dx = dy · (1 − y²): `(y, dy, dx, count)`.
    public let tanhGradient: @Sendable (Source, Source, Destination, Int) -> Void

    /// Gathers the functions.
    public init(
        lstm:
            @escaping @Sendable (Destination, Source?, Source?, Destination, Destination, Int, Int, GateOrder) -> Void,
        lstmGradient:
            @escaping @Sendable (
                Source, Source?, Source, Source, Destination, Destination, Int, Int, GateOrder
            ) -> Void,
        gru: @escaping @Sendable (Destination, Source?, Destination, Int, Int) -> Void,
        gruGradient: @escaping @Sendable (Source, Source?, Destination, Destination, Int, Int) -> Void,
        tanhGradient: @escaping @Sendable (Source, Source, Destination, Int) -> Void
    ) {
        self.lstm = lstm
        self.lstmGradient = lstmGradient
        self.gru = gru
        self.gruGradient = gruGradient
        self.tanhGradient = tanhGradient
    }
}
