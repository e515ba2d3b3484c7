import Tensors

/// A value on a tape, and its gradient once backward has reached it.
public final class Variable {
    /// The value.
    public let value: Tensor
    /// Whether anything trained, or asked for, lies upstream.
    public let needsGradient: Bool
    let parameter: Parameter?
    /// The gradient so far.
    var gradient: Tensor?
    /// Whether the gradient outlives backward.
    var keepsGradient = false

    init(_ value: Tensor, needsGradient: Bool, parameter: Parameter? = nil) {
        self.value = value
        self.needsGradient = needsGradient
        self.parameter = parameter
    }
}

/// Records the operations of one forward pass and plays them backwards.
///
/// Confined to the compute thread; made for one pass.
public final class Tape {
    private struct Node {
        let inputs: [Variable]
        let output: Variable
        let layer: String
        let backward: (Tensor, GradientSinks) -> Void
    }

    /// What computes.
    public let engine: Engine
    /// The model's values.
    public let arena: ParameterArena
    /// Where gradients and statistics of the pass go; nil when it only evaluates.
    public let block: GradientBlock?
    /// The layer whose operations are being recorded.
    public var layer = ""
    /// Where the times of operations are added up, if anywhere.
    public let times: LayerTimes?
    private var nodes: [Node] = []
    private var parameterVariables: [Int: Variable] = [:]

    /// A tape that records when there is a block for the gradients, and adds the operations' times to `times`.
    public init(engine: Engine, arena: ParameterArena, block: GradientBlock? = nil, times: LayerTimes? = nil) {
        self.engine = engine
        self.arena = arena
        self.block = block
        self.times = times
    }

    /// A value without a gradient, unless it is asked for.
    public func constant(_ value: Tensor, wantsGradient: Bool = false) -> Variable {
        let variable = Variable(value, needsGradient: wantsGradient && block != nil)
        variable.keepsGradient = wantsGradient
        return variable
    }

    /// Has backward keep the gradient of `variable`, which another operation made.
    public func keepGradient(of variable: Variable) { variable.keepsGradient = true }

    /// A parameter's value; its gradient goes to the block.
    public func parameter(_ parameter: Parameter) -> Variable {
        if let known = parameterVariables[parameter.index] { return known }
        let variable = Variable(arena.value(of: parameter), needsGradient: block != nil, parameter: parameter)
        parameterVariables[parameter.index] = variable
        return variable
    }

    /// Computes an operation and records it if a gradient may be wanted.
    public func apply<O: Operation>(_ operation: O, to inputs: [Variable]) -> Variable {
        let (output, saved) = timed(layer, \.forward) { operation.forward(inputs.map(\.value), engine) }
        let variable = Variable(output, needsGradient: inputs.contains(where: \.needsGradient))
        if variable.needsGradient {
            let engine = engine
            nodes.append(
                Node(inputs: inputs, output: variable, layer: layer) { gradient, sinks in
                    operation.backward(gradient, saved, sinks, engine)
                })
        }
        return variable
    }

    /// Propagates `gradient`, that of `output`, to everything before it and forgets the recorded operations.
    ///
    /// What an operation saved is freed as soon as its backward is done.
    ///
    /// - Parameter onFinal: Called whenever more gradients are final, with the element from which on all parameters' are.
    public func backward(from output: Variable, gradient: Tensor, onFinal: ((Int) -> Void)? = nil) {
        guard let block else { preconditionFailure("this tape does not record") }
        precondition(gradient.shape == output.value.shape, "the gradient has the output's shape")
        output.gradient = gradient
        var frontier = onFinal.map { GradientFrontier(arena, firstUses: firstUses(), onFinal: $0) }
        while let node = nodes.popLast() {
            if let gradient = node.output.gradient {
                if !node.output.keepsGradient { node.output.gradient = nil }
                timed(node.layer, \.backward) {
                    node.backward(gradient, GradientSinks(variables: node.inputs, block: block, engine: engine))
                }
            }
            frontier?.move(remaining: nodes.count)
        }
    }

    /// For each parameter the first operation that takes it; the number of operations when none does.
    private func firstUses() -> [Int] {
        var uses = Array(repeating: nodes.count, count: arena.parameters.count)
        for (number, node) in nodes.enumerated().reversed() {
            for case let parameter? in node.inputs.map(\.parameter) { uses[parameter.index] = number }
        }
        return uses
    }

    private func timed<Result>(
        _ layer: String, _ direction: WritableKeyPath<LayerTimes.Entry, Duration>, _ body: () -> Result
    ) -> Result {
        guard let times else { return body() }
        return times.measure(layer, direction, body)
    }

    /// The gradient that backward gave to `variable`; nil when it was not kept or not reached.
    public func gradient(of variable: Variable) -> Tensor? {
        if let parameter = variable.parameter { return block?.gradient(of: parameter) }
        return variable.gradient
    }
}
