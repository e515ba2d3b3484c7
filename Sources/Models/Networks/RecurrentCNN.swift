/// An encoder of each frame, an LSTM over the frames and a linear classifier of the last one.
enum CNNLSTM: ModelDefinition {
    static let name = "cnn_lstm"

    @NetworkBuilder static var layers: [LayerDescription] {
        FrameEncoder.layers.named("enc")
        LSTM(hidden: 64).named("rnn")
        LastOutput().named("last")
        Linear(out: .classes).named("fc")
    }
}

/// An encoder of each frame, a GRU over the frames and a linear classifier of the last one.
enum CNNGRU: ModelDefinition {
    static let name = "cnn_gru"

    @NetworkBuilder static var layers: [LayerDescription] {
        FrameEncoder.layers.named("enc")
        GRU(hidden: 64).named("rnn")
        LastOutput().named("last")
        Linear(out: .classes).named("fc")
    }
}

/// An encoder of each frame, an LSTM over each clip's own frames in both directions and a linear classifier of the last
/// valid one.
enum CNNBiLSTMPacked: ModelDefinition {
    static let name = "cnn_bilstm_packed"

    @NetworkBuilder static var layers: [LayerDescription] {
        FrameEncoder.layers.named("enc")
        LSTM(hidden: 64, bidirectional: true, packed: true).named("rnn")
        LastOutput(valid: true).named("last")
        Linear(out: .classes).named("fc")
    }
}
