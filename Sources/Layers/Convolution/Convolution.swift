import Autograd
import Kernels
import Tensors

/// Cross-correlation of images with learnt filters; matches `torch.nn.Conv2d` with zero padding, its default
/// initialisation included.
///
/// - Shapes: `[N, H, W, from]` → `[N, OH, OW, to]`; weight `[to, from / groups, KH, KW]`, bias `[to]`.
public typealias Convolution2D = Convolution<Extent2>

/// Cross-correlation of clips with learnt filters; matches `torch.nn.Conv3d` with zero padding, its default
/// initialisation included.
///
/// - Shapes: `[N, T, H, W, from]` → `[N, OT, OH, OW, to]`; weight `[to, from / groups, KT, KH, KW]`, bias `[to]`.
public typealias Convolution3D = Convolution<Extent3>

/// Cross-correlation with learnt filters, along as many axes as `Axes` has.
///
/// With as many groups as channels each channel has filters of its own: a depthwise convolution.
public struct Convolution<Axes: Extent>: Layer {
    /// The layer's name in the model.
    public let path: String
    let weight: Parameter
    let bias: Parameter?
    let inputs: Int
    let outputs: Int
    let groups: Int
    let sizes: WindowSizes<Axes>

    /// Makes the layer that `builder` stands for; it names its parameters `weight` and `bias`.
    ///
    /// - Precondition: `groups` divides `from` and `to`; sizes are positive, a padding may be 0.
    public init(
        _ builder: ParameterBuilder, from inputs: Int, to outputs: Int, kernel: Axes, stride: Axes = 1,
        padding: Axes = 0, dilation: Axes = 1, groups: Int = 1, bias hasBias: Bool = true
    ) {
        precondition(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0,
            "\(groups) groups divide \(inputs) and \(outputs) channels")
        path = builder.path
        self.inputs = inputs
        self.outputs = outputs
        self.groups = groups
        sizes = WindowSizes(kernel: kernel, stride: stride, padding: padding, dilation: dilation)
        let shape = Shape([outputs, inputs / groups] + kernel.sizes)
        let fanIn = kernel.sizes.reduce(inputs / groups, *)
        weight = builder.parameter("weight", shape, Uniform(fanIn: fanIn))
        bias = hasBias ? builder.parameter("bias", [outputs], Uniform(fanIn: fanIn)) : nil
    }

    /// An image or clip of `to` channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        let windows = try sizes.windows(on: sample, channels: inputs, path: path)
        return Axes(volume: windows.output).shape(channels: outputs)
    }

    /// Filters each sample of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(
            Correlation(geometry: geometry(for: input.value.shape)),
            to: [input] + parameters.map(context.tape.parameter))
    }

    /// How `engine` computes the convolution of a batch: the algorithm's name, as for a table of figures.
    public func algorithmName(for batch: Shape, _ engine: Engine) -> String {
        type(of: ConvolutionPlan(geometry(for: batch), engine).algorithm).name
    }

    /// Weight and, if there is one, bias.
    var parameters: [Parameter] { [weight] + [bias].compactMap(\.self) }

    /// The sizes of the convolution of a batch.
    func geometry(for batch: Shape) -> ConvolutionGeometry {
        ConvolutionGeometry(windows: sizes.windows(onBatch: batch), outputs: outputs, groups: groups)
    }
}
