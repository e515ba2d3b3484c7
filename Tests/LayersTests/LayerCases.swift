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
        in: .module, startingWith: "convolution", "linear", "relu", "leaky", "elu", "gelu", "silu", "sigmoid", "tanh",
        "softmax", "group_norm", "max_pool", "average_pool", "adaptive", "batch_norm",
        "flatten", "residual", "concatenation", "recurrent")
    /// All cases.
    static let names = golden + ["dropout", "dropout_of_nothing", "dropout_2d", "sequential"]

    init(_ name: String) throws {
        let builder = ParameterBuilder()
        switch name {
        case "dropout": layer = Dropout(builder, probability: 0.5)
        case "dropout_2d": layer = Dropout(builder, probability: 0.5, of: .channels)
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
            input = try fixture.tensor("first.input")
            layer = try parameters.layer(builder, isClip: input.shape.rank == 5)
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

    /// A size of all axes, or one for each.
    struct Sizes: Decodable {
        private let sizes: [Int]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            sizes = try (try? container.decode(Int.self)).map { [$0] } ?? container.decode([Int].self)
        }

        var size: Int { sizes[0] }

        func extent<Axes: Extent>() -> Axes { sizes.count == 1 ? Axes(sizes[0]) : Axes(sizes: sizes) }
    }

    let layer: String
    var from, to, groups, channels: Int?
    var kernel, stride, padding, dilation, output: Sizes?
    var slope, alpha: Float?
    var form: GELU.Form?
    var bias, affine, evaluation, countsPadding, bidirectional: Bool?
    var kind: String?
    var hidden, layers: Int?
    var lengths: [Int]?

    func layer(_ builder: ParameterBuilder, isClip: Bool) throws -> any Layer {
        switch layer {
        case "convolution", "max_pool", "average_pool", "adaptive_average_pool":
            try isClip ? windowed(builder, Extent3.self) : windowed(builder, Extent2.self)
        case "linear": Linear(builder, from: from ?? 1, to: to ?? 1, bias: bias ?? true)
        case "relu": ReLU(builder)
        case "leaky_relu": LeakyReLU(builder, slope: slope ?? 0)
        case "elu": ELU(builder, alpha: alpha ?? 0)
        case "gelu": GELU(builder, form: form ?? .exact)
        case "silu": SiLU(builder)
        case "sigmoid": Sigmoid(builder)
        case "tanh": Tanh(builder)
        case "softmax": Softmax(builder)
        case "group_norm": GroupNorm(builder, groups: groups ?? 1, channels: channels ?? 1, affine: affine ?? true)
        case "batch_norm": BatchNorm(builder, channels: channels ?? 1, affine: affine ?? true)
        case "flatten": Flatten(builder)
        case "residual": residual(builder)
        case "residual_block": residualBlock(builder)
        case "convolutional_lstm":
            ConvolutionalLSTM(
                builder, from: from ?? 1, hidden: hidden ?? 1, kernel: kernel?.size ?? 1, bias: bias ?? true)
        case "concatenation":
            Concatenation(
                builder,
                [
                    Convolution2D(builder.scope("0"), from: from ?? 1, to: to ?? 1, kernel: 3, padding: 1),
                    ReLU(builder.scope("1")), Convolution2D(builder.scope("2"), from: from ?? 1, to: 1, kernel: 1),
                ])
        case "recurrent":
            Recurrent(
                builder, kind.flatMap(RecurrentKind.init) ?? .rnn, from: from ?? 1, hidden: hidden ?? 1,
                layers: layers ?? 1, bidirectional: bidirectional ?? false, bias: bias ?? true, packed: lengths != nil)
        default: throw UnknownLayer(name: layer)
        }
    }

    private func windowed<Axes: Extent>(_ builder: ParameterBuilder, _ axes: Axes.Type) throws -> any Layer {
        let (kernel, stride): (Axes, Axes?) = (kernel?.extent() ?? 1, stride?.extent())
        let (padding, dilation): (Axes, Axes) = (padding?.extent() ?? 0, dilation?.extent() ?? 1)
        return switch layer {
        case "convolution":
            Convolution(
                builder, from: from ?? 1, to: to ?? 1, kernel: kernel, stride: stride ?? 1, padding: padding,
                dilation: dilation, groups: groups ?? 1, bias: bias ?? true)
        case "max_pool":
            MaxPool(builder, kernel: kernel, stride: stride, padding: padding, dilation: dilation)
        case "average_pool":
            AveragePool(
                builder, kernel: kernel, stride: stride, padding: padding, countsPadding: countsPadding ?? true)
        case "adaptive_average_pool": AdaptiveAveragePool<Axes>(builder, output: output?.extent() ?? 1)
        default: throw UnknownLayer(name: layer)
        }
    }

    private func residual(_ builder: ParameterBuilder) -> any Layer {
        let (inputs, outputs) = (from ?? 1, to ?? 1)
        let stride: Extent2 = stride?.extent() ?? 1
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
                convolution("conv1"), BatchNorm(builder.scope("bn1"), channels: channels),
                ReLU(builder.scope("relu")), convolution("conv2"),
                BatchNorm(builder.scope("bn2"), channels: channels),
            ])
        return Sequential(builder, [Residual(builder.scope("sum"), body: body), ReLU(builder.scope("out"))])
    }
}
