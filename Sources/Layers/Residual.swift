import Autograd
import Tensors

/// y = body(x) + shortcut(x), the join of a residual block.
///
/// - Source: He et al. 2015, "Deep residual learning for image recognition".
public struct Residual: Layer {
    /// The name of the block.
    public let path: String
    let body: any Layer
    let shortcut: (any Layer)?

    /// Makes the block that `builder` stands for; without a shortcut layer the input itself is added.
    public init(_ builder: ParameterBuilder, body: any Layer, shortcut: (any Layer)? = nil) {
        path = builder.path
        self.body = body
        self.shortcut = shortcut
    }

    /// The shape on which both branches agree.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        let shape = try body.outputShape(for: sample)
        let other = try shortcut?.outputShape(for: sample) ?? sample
        guard shape == other else {
            throw ShapeError(
                path: path, expected: "a sample of which both branches make the same shape, not \(shape) and \(other)",
                found: sample)
        }
        return shape
    }

    /// Adds the branches.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let trunk = body(input, context)
        let branch = shortcut?(input, context) ?? input
        return context.tape.apply(Addition(), to: [trunk, branch])
    }
}
