import Autograd
import Kernels
import Tensors

/// A long short-term memory whose products are convolutions, so that its states are images.
///
/// At each step one convolution of the frame's channels followed by the hidden state's gives the gates i, f, o, g; it
/// pads so that the size of the image stays. The states begin at zero.
///
/// - Shapes: `[N, T, H, W, from]` → `[N, T, H, W, hidden]`, the hidden states of all frames; conv.weight
///   `[4 · hidden, from + hidden, kernel, kernel]`, conv.bias `[4 · hidden]`, initialised as those of `torch.nn.Conv2d`.
/// - Determinism: the same bits for any number of threads.
/// - Source: Shi et al. 2015, "Convolutional LSTM network", without its peephole connections.
public struct ConvolutionalLSTM: Layer {
    /// The layer's name in the model.
    public let path: String
    let weight: Parameter
    let bias: Parameter?
    let inputs, hidden: Int
    let kernel: Int

    /// Makes the layer that `builder` stands for; it names its parameters `conv.weight` and `conv.bias`.
    ///
    /// - Precondition: `kernel` is odd.
    public init(
        _ builder: ParameterBuilder, from inputs: Int, hidden: Int, kernel: Int = 3, bias hasBias: Bool = true
    ) {
        precondition(
            kernel % 2 == 1, "a kernel of \(kernel) does not keep an image's size")
        path = builder.path
        self.inputs = inputs
        self.hidden = hidden
        self.kernel = kernel
        let initial = Uniform(fanIn: (inputs + hidden) * kernel * kernel)
        let scope = builder.scope("conv")
        weight = scope.parameter("weight", [4 * hidden, inputs + hidden, kernel, kernel], initial)
        bias = hasBias ? scope.parameter("bias", [4 * hidden], initial) : nil
    }

    /// As many images of `hidden` channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample.rank == 4, sample.count > 0, sample[3] == inputs else {
            throw ShapeError(path: path, expected: "a clip [T, H, W, \(inputs)]", found: sample)
        }
        return Shape(sample.dimensions.dropLast() + [hidden])
    }

    /// Goes through each clip of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let parameters = [weight, bias].compactMap(\.self).map(context.tape.parameter)
        return context.tape.apply(
            ConvolutionalRecurrence(channels: inputs, size: hidden, kernel: kernel), to: [input] + parameters)
    }
}
