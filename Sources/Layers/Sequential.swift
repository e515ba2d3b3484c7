import Autograd
import Tensors

/// Layers one after another; what can be is computed together, with the same results to rounding.
public struct Sequential: Layer {
    /// The name of the whole.
    public let path: String
    /// Its layers, fused.
    let layers: [any Layer]

    /// Makes the chain that `builder` stands for.
    public init(_ builder: ParameterBuilder, _ layers: [any Layer]) {
        path = builder.path
        self.layers = fused(layers)
    }

    /// What the last layer makes of it.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape { try layers.outputShape(for: sample) }

    /// Feeds each layer's output to the next.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        layers.reduce(input) { $1($0, context) }
    }
}
