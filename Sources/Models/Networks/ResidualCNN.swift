/// Two convolutions with pooling, each followed by a residual block that keeps its channels, and a linear classifier.
enum ResidualCNN: ModelDefinition {
    static let name = "residual_cnn"

    @NetworkBuilder static var layers: [LayerDescription] {
        Conv2d(out: 16, kernel: 3, padding: 1).named("conv1")
        ReLU().named("relu1")
        MaxPool2d(kernel: 2).named("pool1")
        block(16).named("block1")
        Conv2d(out: 32, kernel: 3, padding: 1).named("conv2")
        ReLU().named("relu2")
        MaxPool2d(kernel: 2).named("pool2")
        block(32).named("block2")
        AdaptiveAvgPool2d(out: 1).named("pool")
        Flatten().named("flatten")
        Linear(out: .classes).named("fc")
    }

    private static func block(_ width: Int) -> Sequential {
        Sequential {
            Residual {
                Conv2d(out: .count(width), kernel: 3, padding: 1).named("conv1")
                BatchNorm2d().named("bn1")
                ReLU().named("relu1")
                Conv2d(out: .count(width), kernel: 3, padding: 1).named("conv2")
                BatchNorm2d().named("bn2")
            }.named("")
            ReLU().named("relu2")
        }
    }
}
