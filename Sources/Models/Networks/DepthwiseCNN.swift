/// A convolution and two depthwise-separable ones with pooling, and a linear classifier.
enum DepthwiseCNN: ModelDefinition {
    static let name = "depthwise_cnn"

    @NetworkBuilder static var layers: [LayerDescription] {
        Conv2d(out: 16, kernel: 3, padding: 1).named("conv1")
        ReLU().named("relu1")
        MaxPool2d(kernel: 2).named("pool1")
        separable(32).named("separable1")
        ReLU().named("relu2")
        MaxPool2d(kernel: 2).named("pool2")
        separable(64).named("separable2")
        ReLU().named("relu3")
        AdaptiveAvgPool2d(out: 1).named("pool")
        Flatten().named("flatten")
        Linear(out: .classes).named("fc")
    }

    private static func separable(_ width: Int) -> Sequential {
        Sequential {
            DepthwiseConv2d(kernel: 3, padding: 1).named("depthwise")
            Conv2d(out: .count(width), kernel: 1).named("pointwise")
        }
    }
}
