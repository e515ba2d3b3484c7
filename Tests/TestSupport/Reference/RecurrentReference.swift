import Foundation

/// The kind of a recurrent layer in ``RecurrentSizes``, by PyTorch's names.
public enum RecurrentReferenceKind: String, Sendable, CaseIterable {
    /// An Elman network with tanh or with rectification, a long short-term memory, a gated recurrent unit.
    case rnn
    case rnnReLU = "rnn_relu"
    case lstm
    case gru

    /// Blocks of rows in the weights.
    public var blocks: Int { self == .lstm ? 4 : self == .gru ? 3 : 1 }
}

/// The sizes of one recurrent layer.
public struct RecurrentSizes: Sendable {
    /// What a step computes.
    public var kind = RecurrentReferenceKind.rnn
    /// Features of a frame.
    public var from = 1
    /// Features of a state.
    public var hidden = 1
    /// Frames of the padded batch.
    public var frames = 1
    /// Frames of each sequence.
    public var lengths: [Int] = []
    /// Whether there is a second direction.
    public var bidirectional = false

    /// Sizes to be filled in.
    public init() {}
}

/// Inputs x `[N, T, from]` and for each direction W_ih, W_hh and, if there are biases, b_ih and b_hh; zeros behind a
/// sequence's end.
public func recurrentReference(_ sizes: RecurrentSizes) -> ReferenceFunction {
    { inputs in
        let directions = sizes.bidirectional ? 2 : 1
        let width = directions * sizes.hidden
        var output = [Double](repeating: 0, count: sizes.lengths.count * sizes.frames * width)
        for direction in 0..<directions {
            let each = (inputs.count - 1) / directions
            let parameters = Array(inputs[1 + direction * each..<1 + (direction + 1) * each])
            for (sequence, length) in sizes.lengths.enumerated() {
                var hidden = [Double](repeating: 0, count: sizes.hidden)
                var cells = hidden
                for step in 0..<length {
                    let frame = sequence * sizes.frames + (direction == 0 ? step : length - 1 - step)
                    let x = Array(inputs[0][frame * sizes.from..<(frame + 1) * sizes.from])
                    recurrentStep(sizes, x, parameters, &hidden, &cells)
                    for index in 0..<sizes.hidden {
                        output[frame * width + direction * sizes.hidden + index] = hidden[index]
                    }
                }
            }
        }
        return output
    }
}

private func recurrentStep(
    _ sizes: RecurrentSizes, _ x: [Double], _ parameters: [[Double]], _ hidden: inout [Double], _ cells: inout [Double]
) {
    let size = sizes.hidden
    func product(_ weights: [Double], _ values: [Double], _ row: Int) -> Double {
        values.indices.reduce(0) { $0 + weights[row * values.count + $1] * values[$1] }
    }
    let rows = 0..<sizes.kind.blocks * size
    let hasBias = parameters.count > 2
    let ofInput = rows.map { product(parameters[0], x, $0) + (hasBias ? parameters[2][$0] : 0) }
    let ofHidden = rows.map { product(parameters[1], hidden, $0) + (hasBias ? parameters[3][$0] : 0) }
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    for index in 0..<size {
        func sum(_ block: Int) -> Double { ofInput[block * size + index] + ofHidden[block * size + index] }
        switch sizes.kind {
        case .rnn: hidden[index] = tanh(sum(0))
        case .rnnReLU: hidden[index] = max(sum(0), 0)
        case .lstm:
            cells[index] = sigmoid(sum(1)) * cells[index] + sigmoid(sum(0)) * tanh(sum(2))
            hidden[index] = sigmoid(sum(3)) * tanh(cells[index])
        case .gru:
            let n = tanh(ofInput[2 * size + index] + sigmoid(sum(0)) * ofHidden[2 * size + index])
            let z = sigmoid(sum(1))
            hidden[index] = (1 - z) * n + z * hidden[index]
        }
    }
}
