import Layers
import Tensors

/// Which recurrent layer of PyTorch a description means.
protocol RecurrentName: Sendable {
    static var cell: RecurrentKind { get }
}

/// A recurrent layer over the frames of a sequence, as `torch.nn.RNN`, `LSTM` and `GRU` with `batch_first=True`.
struct RecurrentOptions<Name: RecurrentName>: LayerKind {
    static var kind: String { Name.cell.rawValue }
    var hidden: Int
    var layers: Int?
    var bidirectional: Bool?
    var bias: Bool?
    var dropout: Float?
    var packed: Bool?

    func problems() -> [(key: String, problem: String)] {
        Self.faults(in: ["hidden": hidden]) + Self.faults(in: ["layers": layers], allowed: 1...64)
            + Self.faults(inProbability: dropout, key: "dropout")
    }

    func layer(_ site: LayerSite) -> any Layer {
        Recurrent(
            site.builder, Name.cell, from: site.channels, hidden: hidden, layers: layers ?? 1,
            bidirectional: bidirectional ?? false, bias: bias ?? true, dropout: dropout ?? 0, packed: packed ?? false)
    }
}

enum TanhName: RecurrentName { static let cell = RecurrentKind.rnn }
enum RectifiedName: RecurrentName { static let cell = RecurrentKind.rnnReLU }
enum LSTMName: RecurrentName { static let cell = RecurrentKind.lstm }
enum GRUName: RecurrentName { static let cell = RecurrentKind.gru }

typealias RNN = RecurrentOptions<TanhName>
typealias RNNReLU = RecurrentOptions<RectifiedName>
typealias LSTM = RecurrentOptions<LSTMName>
typealias GRU = RecurrentOptions<GRUName>

/// The last frame of a sequence or clip; with `valid` the last one before the padding.
struct LastOutput: PlainLayerKind {
    static let kind = "last_output"
    var valid: Bool?

    func layer(_ site: LayerSite) -> any Layer { Layers.LastOutput(site.builder, valid: valid ?? false) }
}

/// A convolutional LSTM over the frames of a clip; its parameters are `conv.weight` and `conv.bias`.
struct ConvLSTM: LayerKind {
    static let kind = "conv_lstm"
    var hidden: Int
    var kernel: Int?
    var bias: Bool?

    func problems() -> [(key: String, problem: String)] {
        let found = Self.faults(in: ["hidden": hidden, "kernel": kernel])
        guard found.isEmpty, let kernel, kernel % 2 == 0 else { return found }
        return [("kernel", "must be odd, so that images keep their size, found \(kernel)")]
    }

    func layer(_ site: LayerSite) -> any Layer {
        ConvolutionalLSTM(
            site.builder, from: site.channels, hidden: hidden, kernel: kernel ?? 3, bias: bias ?? true)
    }
}
