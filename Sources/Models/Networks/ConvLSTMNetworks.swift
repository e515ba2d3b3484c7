/// A convolutional LSTM over the frames and a linear classifier of the mean of its last state.
enum ConvLSTMNetwork: ModelDefinition {
    static let name = "conv_lstm"
    static let layers = network(recurrence: "")

    /// The same with a name for the convolutional LSTM; an empty one leaves its parameters to the network.
    @NetworkBuilder static func network(recurrence name: String) -> [LayerDescription] {
        ConvLSTM(hidden: 32).named(name)
        LastOutput().named("last")
        AdaptiveAvgPool2d(out: 1).named("pool")
        Flatten().named("flatten")
        Linear(out: .classes).named("fc")
    }
}

/// The same network with a cell of its own.
enum ConvLSTMClassifier: ModelDefinition {
    static let name = "conv_lstm_classifier"
    static let layers = ConvLSTMNetwork.network(recurrence: "cell")
}
