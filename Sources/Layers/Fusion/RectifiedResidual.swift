import Autograd
import Tensors

/// A residual block and the ReLU behind it, of which training computes the sum and the ReLU with the body's last
/// convolution.
struct RectifiedResidual: Layer {
    let residual: Residual
    let rectifier: ReLU

    var path: String { fusedPath([residual, rectifier]) }

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape { try residual.outputShape(for: sample) }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        guard let body = residual.body as? Sequential, let end = body.layers.last as? any ResidualEnd,
            !context.observes([residual, body, end] as [any Layer])
        else { return rectifier(residual(input, context), context) }
        let trunk = body.layers.dropLast().reduce(input) { $1($0, context) }
        let branch = residual.shortcut?(input, context) ?? input
        if let output = end.forward(trunk, adding: branch, context) {
            context.show(output, of: rectifier)
            return output
        }
        let sum = context.tape.apply(Addition(), to: [end(trunk, context), branch])
        return rectifier(sum, context)
    }
}

extension Residual: FusionStart {
    func fused(with following: ArraySlice<any Layer>) -> (layer: any Layer, count: Int)? {
        guard let rectifier = following.first as? ReLU else { return nil }
        return (RectifiedResidual(residual: self, rectifier: rectifier), 1)
    }
}
