import Autograd
import Kernels
import Tensors

/// A convolution, ReLU and perhaps max pooling, which training computes together.
///
/// It does what its layers do one after the other, and lets them do it themselves whenever somebody observes one before
/// the last, and in evaluation.
struct FusedConvolution<Axes: Extent>: Layer {
    let convolution: Convolution<Axes>
    let pooling: MaxPool<Axes>?
    /// All of them, the convolution first.
    let layers: [any Layer]

    var path: String { fusedPath(layers) }

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        var shape = sample
        for layer in layers { shape = try layer.outputShape(for: shape) }
        return shape
    }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard context.mode == .training, !context.observes(layers.dropLast()) else {
            return layers.reduce(input) { $1($0, context) }
        }
        let geometry = convolution.geometry(for: input.value.shape)
        let pooled = geometry.windows.outputShape(forBatch: input.value.shape, channels: geometry.outputs)
        let output = context.tape.apply(
            RectifiedConvolution(geometry: geometry, pooling: pooling?.sizes.windows(onBatch: pooled)),
            to: [input] + convolution.parameters.map(context.tape.parameter))
        if let last = layers.last { context.show(output, of: last) }
        return output
    }
}
