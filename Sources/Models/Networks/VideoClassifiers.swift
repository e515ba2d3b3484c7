/// A classifier of clips by an LSTM over encoded frames.
enum VideoRNNClassifier: ModelDefinition {
    static let name = "video_rnn_classifier"
    static let layers = VideoClassifier.layers(LSTM(hidden: 64).named("lstm"))
}

/// A classifier of clips by a GRU over encoded frames.
enum VideoGRUClassifier: ModelDefinition {
    static let name = "video_gru_classifier"
    static let layers = VideoClassifier.layers(GRU(hidden: 64).named("gru"))
}

/// A classifier of clips of unequal length: the LSTM sees each clip's own frames, and its last valid output counts.
enum VideoRNNClassifierPacked: ModelDefinition {
    static let name = "video_rnn_classifier_packed"
    static let layers = VideoClassifier.layers(
        LSTM(hidden: 64, packed: true).named("lstm"), last: LastOutput(valid: true))
}

/// A classifier of clips by an LSTM that goes through the encoded frames in both directions.
enum VideoRNNClassifierBidirectional: ModelDefinition {
    static let name = "video_rnn_classifier_bidirectional"
    static let layers = VideoClassifier.layers(LSTM(hidden: 64, bidirectional: true).named("lstm"))
}

/// What the classifiers of clips share.
enum VideoClassifier {
    @NetworkBuilder static func layers(
        _ recurrence: LayerDescription, last: LastOutput = LastOutput()
    ) -> [LayerDescription] {
        FrameEncoder.layers.named("encoder")
        recurrence
        last.named("last")
        Linear(out: .classes).named("fc")
    }
}
