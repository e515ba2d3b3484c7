import Autograd
import Layers
import Tensors

/// Three stages of three residual blocks with 16, 32 and 64 channels.
///
/// The shortcut is a 1×1 convolution with batch norm where the shape changes.
///
/// - Source: He and others 2015, "Deep residual learning for image recognition", section 4.2.
enum ResNet20: ModelDefinition {
    static let name = "resnet20"

    static func layers(_ builder: ParameterBuilder, sample: Shape, classes: Int) -> any Layer {
        ResNet.layers(builder, sample, classes, widths: [16, 32, 64], blocks: 3)
    }
}

/// Four stages of two residual blocks with 64 to 512 channels, the stem fitted to 32×32 images.
///
/// - Source: He and others 2015, table 1.
enum ResNet18: ModelDefinition {
    static let name = "resnet18"

    static func layers(_ builder: ParameterBuilder, sample: Shape, classes: Int) -> any Layer {
        ResNet.layers(builder, sample, classes, widths: [64, 128, 256, 512], blocks: 2)
    }
}

/// What the residual networks share: a stem, stages of blocks that halve the image and widen it, and a classifier.
///
/// Layers are named by their place, as in a `torch.nn.Sequential`.
enum ResNet {
    static func layers(
        _ builder: ParameterBuilder, _ sample: Shape, _ classes: Int, widths: [Int], blocks: Int
    ) -> any Layer {
        let channels = sample.dimensions.last ?? 0
        var layers: [any Layer] = []
        func next() -> ParameterBuilder { builder.scope("\(layers.count)") }
        layers.append(Convolution2D(next(), from: channels, to: widths[0], kernel: 3, padding: 1, bias: false))
        layers.append(BatchNorm(next(), channels: widths[0]))
        layers.append(ReLU(next()))
        var width = widths[0]
        for (stage, wider) in widths.enumerated() {
            for index in 0..<blocks {
                let stride = stage > 0 && index == 0 ? 2 : 1
                layers.append(block(next(), from: width, to: wider, stride: stride))
                width = wider
            }
        }
        layers.append(AdaptiveAveragePool2D(next(), output: 1))
        layers.append(Flatten(next()))
        layers.append(Linear(next(), from: width, to: classes))
        return Sequential(builder, layers)
    }

    private static func block(
        _ builder: ParameterBuilder, from inputs: Int, to outputs: Int, stride: Int
    ) -> any Layer {
        let body = Sequential(
            builder.scope("body"),
            [
                Convolution2D(
                    builder.scope("c1"), from: inputs, to: outputs, kernel: 3, stride: Extent2(stride), padding: 1,
                    bias: false),
                BatchNorm(builder.scope("b1"), channels: outputs),
                ReLU(builder.scope("relu1")),
                Convolution2D(builder.scope("c2"), from: outputs, to: outputs, kernel: 3, padding: 1, bias: false),
                BatchNorm(builder.scope("b2"), channels: outputs),
            ])
        let shortcut = stride == 1 && inputs == outputs ? nil : projection(builder, inputs, outputs, stride)
        return Sequential(
            builder,
            [Residual(builder.scope("sum"), body: body, shortcut: shortcut), ReLU(builder.scope("relu2"))])
    }

    private static func projection(
        _ builder: ParameterBuilder, _ inputs: Int, _ outputs: Int, _ stride: Int
    ) -> any Layer {
        let builder = builder.scope("sc")
        return Sequential(
            builder,
            [
                Convolution2D(
                    builder.scope("0"), from: inputs, to: outputs, kernel: 1, stride: Extent2(stride), bias: false),
                BatchNorm(builder.scope("1"), channels: outputs),
            ])
    }
}
