import Autograd
import Kernels
import Tensors

/// The mean over all pixels; matches `torch.nn.AdaptiveAvgPool2d(1)`.
///
/// - Shapes: `[N, H, W, C]` → `[N, 1, 1, C]`.
public struct GlobalAveragePool2D: Layer {
    /// The layer's name in the model.
    public let path: String

    /// Makes the layer that `builder` stands for.
    public init(_ builder: ParameterBuilder) { path = builder.path }

    /// One pixel of the same channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample.rank == 3, sample.count > 0 else {
            throw ShapeError(path: path, expected: "an image [H, W, C]", found: sample)
        }
        return [1, 1, sample[2]]
    }

    /// Averages each image of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(PixelMean(), to: [input])
    }
}

/// Saves the input's shape only.
struct PixelMean: Operation {
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Shape) {
        let shape = inputs[0].shape
        let (images, pixels, channels) = (shape[0], shape[1] * shape[2], shape[3])
        let output = engine.tensor([images, 1, 1, channels]) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.run(images) { image in
                    let target = y.base + image * channels
                    engine.kernels.rows.sum(x.base + image * pixels * channels, target, pixels, channels, false)
                    engine.kernels.elementwise.scale(target, 1 / Float(pixels), channels)
                }
            }
        }
        return (output, shape)
    }

    func backward(_ gradient: Tensor, _ shape: Shape, _ inputs: GradientSinks, _ engine: Engine) {
        let (images, pixels, channels) = (shape[0], shape[1] * shape[2], shape[3])
        inputs.write(0) { dx, adds in
            if !adds { dx.update(repeating: 0, count: shape.count) }
            var scaled = gradient
            scaled.withMutableElements(pool: engine.memory) { dy in
                engine.kernels.elementwise.scale(dy, 1 / Float(pixels), images * channels)
                for image in 0..<images {
                    engine.kernels.rows.addBias(
                        dx + image * pixels * channels, dy + image * channels, pixels, channels)
                }
            }
        }
    }
}
