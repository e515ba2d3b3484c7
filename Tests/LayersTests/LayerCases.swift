import Autograd
import Foundation
import Layers
import Tensors
import TestSupport

/// The layers that the contract tests iterate: every golden case, and those without one.
struct LayerCase {
    /// A batch in the engine's layout.
    let input: Tensor
    /// The layer, made anew.
    let layer: any Layer
    /// Its parameters.
    let arena: ParameterArena
    /// Whether the case is one of evaluation.
    let mode: ForwardContext.Mode
    /// The number of frames of each clip; nil when all are full.
    var lengths: [Int]?

    /// Golden cases of layers, by the names of their fixtures.
    static let golden = Fixture.names(
        in: .module, startingWith: "convolution", "linear", "relu", "max_pool", "global", "batch_norm", "flatten",
        "residual", "recurrent")
    /// All cases.
    static let names = golden + ["dropout", "dropout_of_nothing", "sequential"]

    init(_ name: String) throws {
        let builder = ParameterBuilder()
        switch name {
        case "dropout": layer = Dropout(builder, probability: 0.5)
        case "dropout_of_nothing": layer = Dropout(builder, probability: 0)
        case "sequential":
            layer = Sequential(
                builder,
                [
                    Convolution2D(builder.scope("0"), from: 3, to: 4, kernel: 3), ReLU(builder.scope("1")),
                    Flatten(builder.scope("2")), Linear(builder.scope("3"), from: 24, to: 2),
                ])
        default:
            let fixture = try Fixture(name, in: .module)
            let parameters: LayerParameters = try fixture.parameters()
            layer = try parameters.layer(builder)
            input = try fixture.tensor("first.input")
            mode = parameters.evaluation == true ? .evaluation : .training
            lengths = parameters.lengths
            arena = builder.build(seed: 3)
            try fixture.load(into: arena)
            return
        }
        var generator = CaseGenerator(seed: 7)
        input = generator.tensor([2, 4, 5, 3])
        arena = builder.build(seed: 3)
        mode = .training
    }
}

/// What the golden scripts tell of a layer.
struct LayerParameters: Decodable {
    struct UnknownLayer: Error { let name: String }

    let layer: String
    var from, to, kernel, stride, padding, dilation, groups, channels: Int?
    var bias, evaluation, bidirectional: Bool?
    var kind: String?
    var hidden, layers: Int?
    var lengths: [Int]?

    func layer(_ builder: ParameterBuilder) throws -> any Layer {
        switch layer {
        case "convolution":
            Convolution2D(
                builder, from: from ?? 1, to: to ?? 1, kernel: kernel ?? 1, stride: stride ?? 1, padding: padding ?? 0,
                dilation: dilation ?? 1, groups: groups ?? 1, bias: bias ?? true)
        case "linear": Linear(builder, from: from ?? 1, to: to ?? 1, bias: bias ?? true)
        case "relu": ReLU(builder)
        case "max_pool": MaxPool2D(builder, kernel: kernel ?? 1, stride: stride, padding: padding ?? 0)
        case "global_average_pool": GlobalAveragePool2D(builder)
        case "batch_norm": BatchNorm2D(builder, channels: channels ?? 1)
        case "flatten": Flatten(builder)
        case "residual": residual(builder)
        case "residual_block": residualBlock(builder)
        case "convolutional_lstm":
            ConvolutionalLSTM(
                builder, from: from ?? 1, hidden: hidden ?? 1, kernel: kernel ?? 1, bias: bias ?? true)
        case "recurrent":
            Recurrent(
                builder, kind.flatMap(RecurrentKind.init) ?? .rnn, from: from ?? 1, hidden: hidden ?? 1,
                layers: layers ?? 1, bidirectional: bidirectional ?? false, bias: bias ?? true, packed: lengths != nil)
        default: throw UnknownLayer(name: layer)
        }
    }

    private func residual(_ builder: ParameterBuilder) -> any Layer {
        let (inputs, outputs, stride) = (from ?? 1, to ?? 1, stride ?? 1)
        let body = Convolution2D(
            builder.scope("body"), from: inputs, to: outputs, kernel: 3, stride: stride, padding: 1)
        if inputs == outputs && stride == 1 { return Residual(builder, body: body) }
        let shortcut = Convolution2D(
            builder.scope("shortcut"), from: inputs, to: outputs, kernel: 1, stride: stride, bias: false)
        return Residual(builder, body: body, shortcut: shortcut)
    }

    private func residualBlock(_ builder: ParameterBuilder) -> any Layer {
        let channels = channels ?? 1
        func convolution(_ name: String) -> any Layer {
            Convolution2D(builder.scope(name), from: channels, to: channels, kernel: 3, padding: 1)
        }
        let body = Sequential(
            builder.scope("body"),
            [
                convolution("conv1"), BatchNorm2D(builder.scope("bn1"), channels: channels),
                ReLU(builder.scope("relu")), convolution("conv2"),
                BatchNorm2D(builder.scope("bn2"), channels: channels),
            ])
        return Sequential(builder, [Residual(builder.scope("sum"), body: body), ReLU(builder.scope("out"))])
    }
}
