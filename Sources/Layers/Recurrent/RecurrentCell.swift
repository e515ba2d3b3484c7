import Kernels

/// What tells one kind of recurrent layer from another: its gates, and what a step does with them.
///
/// A row of gates holds blocks of `size` numbers: sums of the input's and the hidden state's projections, which a step
/// replaces by what backward needs.
protocol RecurrentCell: Sendable {
    /// Blocks of `size` rows in the weights.
    var weightBlocks: Int { get }
    /// Blocks in a row of gates.
    var gateBlocks: Int { get }
    /// Where the blocks of the input's projection go.
    var inputBlocks: [BlockPlace] { get }
    /// The block at which the hidden state's projection begins.
    var hiddenBlock: Int { get }
    /// Whether there are cells besides the hidden state.
    var keepsCells: Bool { get }
    /// Whether a step's hidden state depends on the previous one other than through the projection.
    var passesHidden: Bool { get }

    /// Computes activations, cells and hidden states of some rows.
    func step(_ rows: StepRows, _ kernels: KernelSet)

    /// Computes the gradient of the sums, and turns those of hidden states and cells into the previous ones' direct part.
    func stepGradient(_ rows: StepRows, _ gradients: StepGradients, _ kernels: KernelSet)
}

/// Blocks of the weights and the block of a row of gates at which they begin.
struct BlockPlace: Sendable {
    let weights: Range<Int>
    let gates: Int
}

/// The memory of some rows of one step; where there is no previous state it is zero.
struct StepRows {
    let count, size: Int
    let gates: Destination
    let cells: Destination
    let hidden: Destination
    let previousCells: Source?
    let previousHidden: Source?
}

/// Gradients of the same rows.
struct StepGradients {
    let hidden: Destination
    let cells: Destination
    let gates: Destination
}

/// `torch.nn.LSTM`: gates i, f, g, o.
struct LSTMCell: RecurrentCell {
    let weightBlocks = 4
    let gateBlocks = 4
    let inputBlocks = [BlockPlace(weights: 0..<4, gates: 0)]
    let hiddenBlock = 0
    let keepsCells = true
    let passesHidden = false

    func step(_ rows: StepRows, _ kernels: KernelSet) {
        kernels.recurrent.lstm(
            rows.gates, nil, rows.previousCells, rows.cells, rows.hidden, rows.count, rows.size, .candidateBeforeOutput)
    }

    func stepGradient(_ rows: StepRows, _ gradients: StepGradients, _ kernels: KernelSet) {
        kernels.recurrent.lstmGradient(
            rows.gates, rows.previousCells, rows.cells, gradients.hidden, gradients.cells, gradients.gates, rows.count,
            rows.size, .candidateBeforeOutput)
    }
}

/// `torch.nn.GRU`: weights r, z, n; gates xₙ, r, z, hₙ, since r weighs the hidden state's part of n alone.
struct GRUCell: RecurrentCell {
    let weightBlocks = 3
    let gateBlocks = 4
    let inputBlocks = [BlockPlace(weights: 0..<2, gates: 1), BlockPlace(weights: 2..<3, gates: 0)]
    let hiddenBlock = 1
    let keepsCells = false
    let passesHidden = true

    func step(_ rows: StepRows, _ kernels: KernelSet) {
        kernels.recurrent.gru(rows.gates, rows.previousHidden, rows.hidden, rows.count, rows.size)
    }

    func stepGradient(_ rows: StepRows, _ gradients: StepGradients, _ kernels: KernelSet) {
        kernels.recurrent.gruGradient(
            rows.gates, rows.previousHidden, gradients.hidden, gradients.gates, rows.count, rows.size)
    }
}

/// `torch.nn.RNN`: h = f(sum), by Elman 1990.
protocol ElmanCell: RecurrentCell {}

extension ElmanCell {
    var weightBlocks: Int { 1 }
    var gateBlocks: Int { 1 }
    var inputBlocks: [BlockPlace] { [BlockPlace(weights: 0..<1, gates: 0)] }
    var hiddenBlock: Int { 0 }
    var keepsCells: Bool { false }
    var passesHidden: Bool { false }
}

/// `torch.nn.RNN` with tanh.
struct TanhCell: ElmanCell {
    func step(_ rows: StepRows, _ kernels: KernelSet) {
        kernels.elementwise.tanh(rows.gates, rows.hidden, rows.count * rows.size)
    }

    func stepGradient(_ rows: StepRows, _ gradients: StepGradients, _ kernels: KernelSet) {
        kernels.recurrent.tanhGradient(rows.hidden, gradients.hidden, gradients.gates, rows.count * rows.size)
    }
}

/// `torch.nn.RNN` with rectification.
struct RectifiedCell: ElmanCell {
    func step(_ rows: StepRows, _ kernels: KernelSet) {
        kernels.elementwise.relu(rows.gates, rows.hidden, rows.count * rows.size)
    }

    func stepGradient(_ rows: StepRows, _ gradients: StepGradients, _ kernels: KernelSet) {
        kernels.elementwise.reluGradient(
            rows.hidden, gradients.hidden, gradients.gates, rows.count * rows.size, false)
    }
}
