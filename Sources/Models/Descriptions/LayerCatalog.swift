/// The kinds of layers that a configuration can name.
public enum LayerCatalog {
    /// Their names, as in `conv2d`.
    public static var names: [String] { all.map { $0.kind } }

    /// All of them.
    static let all: [any LayerKind.Type] = [
        Sequential.self, Residual.self, Concatenation.self, Frames.self,
        Conv2d.self, Conv3d.self, DepthwiseConv2d.self, DepthwiseConv3d.self,
        MaxPool2d.self, MaxPool3d.self, AvgPool2d.self, AvgPool3d.self, AdaptiveAvgPool2d.self, AdaptiveAvgPool3d.self,
        BatchNorm2d.self, BatchNorm3d.self, GroupNorm.self, Dropout.self, Dropout2d.self,
        ReLU.self, LeakyReLU.self, ELU.self, GELU.self, SiLU.self, Sigmoid.self, Tanh.self, Softmax.self,
        RNN.self, RNNReLU.self, LSTM.self, GRU.self, ConvLSTM.self, LastOutput.self,
        Flatten.self, Linear.self, Scale.self,
    ]
}
