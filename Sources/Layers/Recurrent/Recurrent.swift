import Autograd
import Tensors

/// Kinds of recurrent layers.
public enum RecurrentKind: String, CaseIterable, Sendable {
    /// `torch.nn.RNN` with tanh.
    case rnn
    /// `torch.nn.RNN` with rectification.
    case rnnReLU = "rnn_relu"
    /// `torch.nn.LSTM`, by Hochreiter and Schmidhuber 1997 with the forget gate of Gers 2000.
    case lstm
    /// `torch.nn.GRU`, by Cho et al. 2014 with the reset gate after the product.
    case gru

    var cell: any RecurrentCell {
        switch self {
        case .rnn: TanhCell()
        case .rnnReLU: RectifiedCell()
        case .lstm: LSTMCell()
        case .gru: GRUCell()
        }
    }
}

/// A recurrent layer, or several on top of each other, that begins with a state of zero; matches `torch.nn.RNN`, `LSTM`
/// and `GRU` with `batch_first=True`, their default initialisation included.
///
/// - Shapes: `[N, T, from]` → `[N, T, hidden]`, or `[N, T, 2 · hidden]` with the forward direction first. For each layer
///   and direction there are weight_ih `[blocks · hidden, inputs]`, weight_hh `[blocks · hidden, hidden]`, bias_ih and
///   bias_hh `[blocks · hidden]`; the blocks are i, f, g, o for LSTM and r, z, n for GRU.
/// - Determinism: the same bits for any number of threads.
public struct Recurrent: Layer {
    /// The layer's name in the model.
    public let path: String
    let kind: RecurrentKind
    let inputs, hidden: Int
    let directions: Int
    let dropout: Float
    let packed: Bool
    let parameters: [[Parameter]]

    /// Makes the layer that `builder` stands for; it names its parameters as PyTorch does, such as `weight_ih_l0` and
    /// `bias_hh_l1_reverse`.
    ///
    /// - Parameters:
    ///   - builder: Names and places the parameters.
    ///   - kind: What a step computes.
    ///   - inputs: Features of a frame.
    ///   - hidden: Features of a state.
    ///   - layers: How many are on top of each other.
    ///   - bidirectional: Whether each layer also goes through the frames from the last to the first.
    ///   - hasBias: Whether there are biases.
    ///   - dropout: In training, the probability with which outputs of all layers but the last are dropped.
    ///   - packed: Whether the context's lengths count: frames behind a sequence's end are not looked at, their outputs
    ///     and gradients are zero, and the reverse direction begins with the last valid frame, as with
    ///     `pack_padded_sequence(enforce_sorted=False)` and `pad_packed_sequence`.
    /// - Precondition: `layers` is at least 1 and `dropout` in [0, 1).
    public init(
        _ builder: ParameterBuilder, _ kind: RecurrentKind, from inputs: Int, hidden: Int, layers: Int = 1,
        bidirectional: Bool = false, bias hasBias: Bool = true, dropout: Float = 0, packed: Bool = false
    ) {
        precondition(layers > 0, "a recurrent layer has at least one layer")
        precondition((0..<1).contains(dropout), "a dropout probability is in [0, 1)")
        path = builder.path
        self.kind = kind
        self.inputs = inputs
        self.hidden = hidden
        self.dropout = dropout
        self.packed = packed
        let directions = bidirectional ? 2 : 1
        self.directions = directions
        let height = kind.cell.weightBlocks * hidden
        let initial = Uniform(fanIn: hidden)
        parameters = (0..<layers).map { layer in
            let width = layer == 0 ? inputs : hidden * directions
            return ["", "_reverse"].prefix(directions).flatMap { suffix in
                let end = "_l\(layer)\(suffix)"
                let weights = [
                    builder.parameter("weight_ih" + end, [height, width], initial),
                    builder.parameter("weight_hh" + end, [height, hidden], initial),
                ]
                guard hasBias else { return weights }
                return weights + ["bias_ih", "bias_hh"].map { builder.parameter($0 + end, [height], initial) }
            }
        }
    }

    /// A sequence of the same number of frames.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample.rank == 2, sample[0] > 0, sample[1] == inputs else {
            throw ShapeError(path: path, expected: "a sequence [T, \(inputs)]", found: sample)
        }
        return [sample[0], hidden * directions]
    }

    /// Goes through each sequence of the batch.
    ///
    /// - Precondition: packed sequences have lengths from 1 to their number of frames.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let recurrence = Recurrence(
            cell: kind.cell, size: hidden, directions: directions, lengths: packed ? context.lengths : nil)
        var value = input
        for (layer, parameters) in parameters.enumerated() {
            if layer > 0, dropout > 0, context.mode == .training {
                let mask = Mask(probability: dropout, position: context.nextStream().position)
                value = context.tape.apply(mask, to: [value])
            }
            value = context.tape.apply(recurrence, to: [value] + parameters.map(context.tape.parameter))
        }
        return value
    }
}
