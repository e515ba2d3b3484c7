import Kernels
import Tensors

/// A differentiable primitive: the only way to add one.
///
/// An operation is a value without state; what backward needs of forward travels in `Saved`.
public protocol Operation: Sendable {
    /// What backward needs: as little as possible, it lives until backward has passed.
    associatedtype Saved

    /// Computes the output from the inputs.
    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved)

    /// Gives each input its gradient, from the gradient of the output.
    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine)
}

/// Where backward puts the gradients of an operation's inputs.
public struct GradientSinks {
    /// The inputs.
    public let variables: [Variable]
    let block: GradientBlock
    let engine: Engine

    /// Whether input `index` wants a gradient; if not, `write` and `pass` do nothing.
    public func wants(_ index: Int) -> Bool { variables[index].needsGradient }

    /// Has `body` write the gradient of input `index`, or add to it when `accumulate` is true.
    public func write(_ index: Int, _ body: (UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void) {
        let variable = variables[index]
        guard variable.needsGradient else { return }
        if let parameter = variable.parameter {
            block.contribute(to: parameter, body)
        } else if variable.gradient == nil {
            variable.gradient = engine.tensor(variable.value.shape) { body($0, false) }
        } else {
            variable.gradient?.withMutableElements(pool: engine.memory) { body($0, true) }
        }
    }

    /// Gives `gradient` itself to input `index`, in the input's shape; shares memory where possible.
    public func pass(_ index: Int, _ gradient: Tensor) {
        let variable = variables[index]
        guard variable.needsGradient else { return }
        if variable.parameter == nil && variable.gradient == nil {
            variable.gradient = gradient.reshaped(to: variable.value.shape)
            return
        }
        write(index) { destination, accumulate in
            gradient.withElements { source in
                if accumulate {
                    engine.kernels.elementwise.accumulate(source, destination, gradient.count)
                } else {
                    destination.update(from: source, count: gradient.count)
                }
            }
        }
    }
}
