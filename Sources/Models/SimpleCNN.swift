import Autograd
import Layers
import Tensors

/// Two convolutions with pooling and two linear layers, 268,650 parameters for CIFAR-10.
enum SimpleCNN: ModelDefinition {
    static let name = "simple_cnn"

    static func layers(_ builder: ParameterBuilder, sample: Shape, classes: Int) throws(ShapeError) -> any Layer {
        let channels = sample.dimensions.last ?? 0
        let features = Sequential(
            builder.scope("features"),
            [
                Convolution2D(builder.scope("conv1"), from: channels, to: 16, kernel: 3, padding: 1),
                ReLU(builder.scope("relu1")),
                MaxPool2D(builder.scope("pool1"), kernel: 2),
                Convolution2D(builder.scope("conv2"), from: 16, to: 32, kernel: 3, padding: 1),
                ReLU(builder.scope("relu2")),
                MaxPool2D(builder.scope("pool2"), kernel: 2),
                Flatten(builder.scope("flatten")),
            ])
        let flat = try features.outputShape(for: sample).count
        return Sequential(
            builder,
            [
                features,
                Linear(builder.scope("fc1"), from: flat, to: 128),
                ReLU(builder.scope("relu3")),
                Linear(builder.scope("fc2"), from: 128, to: classes),
            ])
    }
}
