/// Two convolutions with pooling and two linear layers, 268,650 parameters for CIFAR-10.
enum SimpleCNN: ModelDefinition {
    static let name = "simple_cnn"

    @NetworkBuilder static var layers: [LayerDescription] {
        Conv2d(out: 16, kernel: 3, padding: 1).named("conv1")
        ReLU().named("relu1")
        MaxPool2d(kernel: 2).named("pool1")
        Conv2d(out: 32, kernel: 3, padding: 1).named("conv2")
        ReLU().named("relu2")
        MaxPool2d(kernel: 2).named("pool2")
        Flatten().named("flatten")
        Linear(out: 128).named("fc1")
        ReLU().named("relu3")
        Linear(out: .classes).named("fc2")
    }
}
