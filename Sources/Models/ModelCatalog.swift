/// A network that a configuration can name: a list of layers, in which sizes follow from the samples.
public protocol ModelDefinition: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// The layers, with PyTorch's names where PyTorch's module has named parts.
    static var layers: [LayerDescription] { get }
}

/// The networks that a configuration can name.
public enum ModelCatalog {
    /// All of them.
    public static let all: [any ModelDefinition.Type] = [
        SimpleCNN.self, ResNet20.self, ResNet18.self, ResNet9.self, MobileNet.self, DilatedCNN.self, ResidualCNN.self,
        DepthwiseCNN.self, CNNLSTM.self, CNNGRU.self, CNNBiLSTMPacked.self, ConvLSTMNetwork.self, C3D.self,
        VideoRNNClassifier.self,
        VideoGRUClassifier.self, VideoRNNClassifierPacked.self, VideoRNNClassifierBidirectional.self,
        ConvLSTMClassifier.self,
    ]
}
