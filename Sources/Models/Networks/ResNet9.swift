/// Two residual blocks among convolutions that double the channels up to 512, for training in few epochs.
///
/// The logits are scaled by 1/8, so that the first steps do not saturate the softmax.
///
/// - Source: Page 2018, "How to train your ResNet".
enum ResNet9: ModelDefinition {
    static let name = "resnet9"

    @NetworkBuilder static var layers: [LayerDescription] {
        unit(64).named("prep")
        halving(128).named("l1")
        Residual {
            unit(128); unit(128)
        }.named("r1")
        halving(256).named("l2")
        halving(512).named("l3")
        Residual {
            unit(512); unit(512)
        }.named("r3")
        MaxPool2d(kernel: 4).named("pool")
        Flatten().named("flatten")
        Linear(out: .classes, bias: false).named("fc")
        Scale(factor: 0.125).named("scale")
    }

    private static func unit(_ width: Int) -> Sequential {
        Sequential {
            Conv2d(out: .count(width), kernel: 3, padding: 1, bias: false)
            BatchNorm2d()
            ReLU()
        }
    }

    private static func halving(_ width: Int) -> Sequential {
        Sequential {
            unit(width)
            MaxPool2d(kernel: 2)
        }
    }
}
