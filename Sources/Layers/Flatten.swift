import Autograd
import Kernels
import Tensors

/// All axes of a sample as one; matches `torch.nn.Flatten`, whose order of elements is channel, frame, row, column.
///
/// A sequence of vectors is not an image: its order is frame, feature, in PyTorch as here.
///
/// - Shapes: `[N, H, W, C]` → `[N, C · H · W]`, `[N, T, H, W, C]` → `[N, C · T · H · W]`, `[N, T, F]` → `[N, T · F]`.
public struct Flatten: Layer {
    /// The layer's name in the model.
    public let path: String

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder) { path = builder.path }

    /// One vector.
    public func outputShape(for sample: Shape) -> Shape { [sample.count] }

    /// Reorders each image or clip of the batch; vectors stay as they are.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(ChannelsFirst(), to: [input])
    }
}

/// `[N, …, C]` to `[N, C · …]`; only a change of shape without pixels, with one, or with one channel.
struct ChannelsFirst: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Shape) {
        let shape = inputs[0].shape
        let (images, pixels, channels) = Self.sizes(shape)
        let flat = Shape([images, pixels * channels])
        if pixels == 1 || channels == 1 { return (inputs[0].reshaped(to: flat), shape) }
        let output = engine.tensor(flat) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.run(images) { image in
                    let start = image * pixels * channels
                    engine.kernels.rows.transpose(x.base + start, y.base + start, pixels, channels, false)
                }
            }
        }
        return (output, shape)
    }

    func backward(_ gradient: Tensor, _ shape: Shape, _ inputs: GradientSinks, _ engine: Engine) {
        let (images, pixels, channels) = Self.sizes(shape)
        if pixels == 1 || channels == 1 {
            inputs.pass(0, gradient)
            return
        }
        inputs.write(0) { dx, adds in
            gradient.withElements { dy in
                let (dy, dx) = (SharedSource(dy), SharedPointer(dx))
                engine.run(images) { image in
                    let start = image * pixels * channels
                    engine.kernels.rows.transpose(dy.base + start, dx.base + start, channels, pixels, adds)
                }
            }
        }
    }

    private static func sizes(_ shape: Shape) -> (images: Int, pixels: Int, channels: Int) {
        // Vectors and sequences of them have no pixels.
        guard shape.rank > 3 else { return (shape[0], 1, shape.dimensions.dropFirst().reduce(1, *)) }
        let channels = shape[shape.rank - 1]
        let images = shape[0]
        return (images, shape.dimensions[1..<shape.rank - 1].reduce(1, *), channels)
    }
}
