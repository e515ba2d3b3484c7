/// Five depthwise-separable blocks with batch norm after both convolutions, 32 to 256 channels.
///
/// - Source: Howard and others 2017, "MobileNets", section 3, fitted to 32×32 images.
enum MobileNet: ModelDefinition {
    static let name = "mobilenet"

    @NetworkBuilder static var layers: [LayerDescription] {
        Conv2d(out: 32, kernel: 3, padding: 1, bias: false)
        BatchNorm2d()
        ReLU()
        block(64)
        block(128, stride: 2)
        block(128)
        block(256, stride: 2)
        block(256)
        AdaptiveAvgPool2d(out: 1)
        Flatten()
        Linear(out: .classes)
    }

    private static func block(_ width: Int, stride: Int = 1) -> Sequential {
        Sequential {
            DepthwiseConv2d(kernel: 3, stride: .init(stride), padding: 1, bias: false).named("d")
            BatchNorm2d().named("b1")
            ReLU().named("relu1")
            Conv2d(out: .count(width), kernel: 1, bias: false).named("p")
            BatchNorm2d().named("b2")
            ReLU().named("relu2")
        }
    }
}
