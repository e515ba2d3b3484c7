import Autograd
import Kernels
import Tensors

/// y = eˣ / Σ eˣ over the channels of each pixel, or over the features of a vector; matches `torch.nn.Softmax` over
/// axis 1 of images and clips and over the last axis of vectors.
///
/// - Shapes: any with channels or features last.
public struct Softmax: Layer {
    /// The layer's name in the model.
    public let path: String

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder) { path = builder.path }

    /// Any shape stays as it is.
    public func outputShape(for sample: Shape) -> Shape { sample }

    /// Applies the function to each pixel or vector.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(NormalizedExponential(), to: [input])
    }
}

/// Keeps its output for backward: dx = y · (dy − Σ y · dy).
struct NormalizedExponential: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Tensor) {
        let (rows, channels) = Self.sizes(inputs[0].shape)
        let output = engine.tensor(inputs[0].shape) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.split(rows, grain: max(1, elementGrain / channels)) {
                    let start = $0.lowerBound * channels
                    engine.kernels.rows.softmax(x.base + start, y.base + start, $0.count, channels)
                }
            }
        }
        return (output, output)
    }

    func backward(_ gradient: Tensor, _ output: Tensor, _ inputs: GradientSinks, _ engine: Engine) {
        let (rows, channels) = Self.sizes(gradient.shape)
        inputs.write(0) { dx, adds in
            output.withElements { y in
                gradient.withElements { dy in
                    let (y, dy, dx) = (SharedSource(y), SharedSource(dy), SharedPointer(dx))
                    engine.split(rows, grain: max(1, elementGrain / channels)) {
                        let start = $0.lowerBound * channels
                        engine.kernels.rows.softmaxGradient(
                            y.base + start, dy.base + start, dx.base + start, $0.count, channels, adds)
                    }
                }
            }
        }
    }

    private static func sizes(_ shape: Shape) -> (rows: Int, channels: Int) {
        let channels = max(shape[shape.rank - 1], 1)
        return (shape.count / channels, channels)
    }
}
