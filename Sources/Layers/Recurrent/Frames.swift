import Autograd
import Tensors

/// Applies a layer to every frame of a sequence, as a network for images is applied to clips.
///
/// - Shapes: `[N, T, …]` → `[N, T, …]`; the layer sees `[N · T, …]`.
public struct Frames: Layer {
    /// The layer's name in the model.
    public let path: String
    let layer: any Layer

    /// Makes the layer that `builder` stands for around `layer`.
    public init(_ builder: ParameterBuilder, _ layer: any Layer) {
        path = builder.path
        self.layer = layer
    }

    /// As many frames of what the layer makes of one.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        let frame = try layer.outputShape(for: frameShape(of: sample, path))
        return Shape([sample[0]] + frame.dimensions)
    }

    /// Applies the layer to all frames of the batch at once.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let shape = input.value.shape
        let frames = context.tape.apply(
            Reshaping(shape: Shape([shape[0] * shape[1]] + shape.dimensions.dropFirst(2))), to: [input])
        let output = context.withRows(each: shape[1]) { layer(frames, context) }
        let sequence = Shape([shape[0], shape[1]] + output.value.shape.dimensions.dropFirst())
        return context.tape.apply(Reshaping(shape: sequence), to: [output])
    }
}

/// The same elements in another shape.
struct Reshaping: Operation {
    let shape: Shape

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Void) {
        (inputs[0].reshaped(to: shape), ())
    }

    func backward(_ gradient: Tensor, _ saved: Void, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.pass(0, gradient)
    }
}
