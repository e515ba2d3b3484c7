import Autograd
import Kernels
import Tensors

/// Cross-correlation of images with learnt filters; matches `torch.nn.Conv2d` with zero padding, its default
/// initialisation included.
///
/// - Shapes: `[N, H, W, from]` → `[N, OH, OW, to]`; weight `[to, from / groups, kernel, kernel]`, bias `[to]`.
public struct Convolution2D: Layer {
    /// The layer's name in the model.
    public let path: String
    let weight: Parameter
    let bias: Parameter?
    let inputs: Int
    let outputs: Int
    let kernel, stride, padding, dilation, groups: Int

    /// Makes the layer that `builder` stands for; it names its parameters `weight` and `bias`.
    ///
    /// - Precondition: `groups` divides `from` and `to`.
    public init(
        _ builder: ParameterBuilder, from inputs: Int, to outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
        dilation: Int = 1, groups: Int = 1, bias hasBias: Bool = true
    ) {
        precondition(
            inputs % groups == 0 && outputs % groups == 0, "\(groups) groups divide \(inputs) and \(outputs) channels")
        path = builder.path
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        let fanIn = inputs / groups * kernel * kernel
        weight = builder.parameter("weight", [outputs, inputs / groups, kernel, kernel], Uniform(fanIn: fanIn))
        bias = hasBias ? builder.parameter("bias", [outputs], Uniform(fanIn: fanIn)) : nil
    }

    /// An image of `to` channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample.rank == 3, sample[2] == inputs else {
            throw ShapeError(path: path, expected: "an image [H, W, \(inputs)]", found: sample)
        }
        let windows = windows(height: sample[0], width: sample[1])
        guard windows.outputHeight > 0, windows.outputWidth > 0 else {
            let reach = dilation * (kernel - 1) + 1 - 2 * padding
            throw ShapeError(path: path, expected: "an image of at least \(reach)×\(reach) pixels", found: sample)
        }
        return [windows.outputHeight, windows.outputWidth, outputs]
    }

    /// Filters each image of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let shape = input.value.shape
        let geometry = ConvolutionGeometry(
            windows: windows(height: shape[1], width: shape[2]), outputs: outputs, groups: groups)
        let parameters = ([weight, bias].compactMap(\.self)).map(context.tape.parameter)
        return context.tape.apply(Correlation(geometry: geometry), to: [input] + parameters)
    }

    private func windows(height: Int, width: Int) -> Windows {
        Windows(
            height: height, width: width, channels: inputs, kernelHeight: kernel, kernelWidth: kernel, stride: stride,
            padding: padding, dilation: dilation)
    }
}
