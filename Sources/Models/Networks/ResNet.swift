/// Three stages of three residual blocks with 16, 32 and 64 channels.
///
/// The shortcut is a 1×1 convolution with batch norm where the shape changes.
///
/// - Source: He and others 2015, "Deep residual learning for image recognition", section 4.2.
enum ResNet20: ModelDefinition {
    static let name = "resnet20"
    static let layers = ResNet.layers(widths: [16, 32, 64], blocks: 3)
}

/// Four stages of two residual blocks with 64 to 512 channels, the stem fitted to 32×32 images.
///
/// - Source: He and others 2015, table 1.
enum ResNet18: ModelDefinition {
    static let name = "resnet18"
    static let layers = ResNet.layers(widths: [64, 128, 256, 512], blocks: 2)
}

/// What the residual networks share: a stem, stages of blocks that halve the image and widen it, and a classifier.
enum ResNet {
    @NetworkBuilder static func layers(widths: [Int], blocks: Int) -> [LayerDescription] {
        Conv2d(out: .count(widths[0]), kernel: 3, padding: 1, bias: false)
        BatchNorm2d()
        ReLU()
        for (stage, width) in widths.enumerated() {
            for index in 0..<blocks {
                let changes = stage > 0 && index == 0
                Sequential {
                    block(width, stride: changes ? 2 : 1, projects: changes).named("")
                    ReLU()
                }
            }
        }
        AdaptiveAvgPool2d(out: 1)
        Flatten()
        Linear(out: .classes)
    }

    private static func block(_ width: Int, stride: Int, projects: Bool) -> Residual {
        let projection = Sequential {
            Conv2d(out: .count(width), kernel: 1, stride: .init(stride), bias: false)
            BatchNorm2d()
        }
        return Residual(shortcut: projects ? projection.named("sc") : nil) {
            Conv2d(out: .count(width), kernel: 3, stride: .init(stride), padding: 1, bias: false).named("c1")
            BatchNorm2d().named("b1")
            ReLU().named("relu1")
            Conv2d(out: .count(width), kernel: 3, padding: 1, bias: false).named("c2")
            BatchNorm2d().named("b2")
        }
    }
}
