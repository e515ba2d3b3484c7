import Autograd
import Layers
import Tensors

/// One forward and backward pass of a layer or network.
public struct Pass {
    /// What the layer made of its input.
    public let output: Tensor
    /// The input's gradient.
    public let inputGradient: Tensor
    /// The parameters' gradients by name.
    public let gradients: [String: Tensor]

    /// Runs `layer`, whose parameters lie in `arena`, on a batch.
    ///
    /// - Parameters:
    ///   - layer: What to run.
    ///   - arena: Its parameters.
    ///   - input: The batch, in the engine's layout.
    ///   - mode: Whether to train.
    ///   - engine: What computes.
    ///   - block: Where gradients go; a new one if nil. Gradients that are there already are added to.
    ///   - streamPath: Which random numbers the layers draw.
    ///   - lengths: The number of frames of each clip; nil when all are full.
    ///   - wantsInputGradient: Whether backward goes to the input; if not, `inputGradient` is zero.
    ///   - upstream: The gradient of the output, from the output.
    public init(
        _ layer: any Layer, _ arena: ParameterArena, _ input: Tensor, mode: ForwardContext.Mode = .training,
        engine: Engine, block: GradientBlock? = nil, streamPath: [UInt64] = [], lengths: [Int]? = nil,
        wantsInputGradient: Bool = true, upstream: (Tensor) -> Tensor
    ) {
        let block = block ?? GradientBlock(for: arena)
        let tape = Tape(engine: engine, arena: arena, block: block)
        let variable = tape.constant(input, wantsGradient: wantsInputGradient)
        let context = ForwardContext(tape: tape, mode: mode, seed: 5, streamPath: streamPath, lengths: lengths)
        let result = layer(variable, context)
        tape.backward(from: result, gradient: upstream(result.value))
        block.finish()
        output = result.value
        inputGradient = tape.gradient(of: variable) ?? Tensor(zeros: input.shape)
        gradients = Dictionary(uniqueKeysWithValues: arena.parameters.map { ($0.name, block.gradient(of: $0)) })
    }

    /// What differs in a single bit from another pass of the same network: `output`, `input` or a parameter's name.
    public func differences(from other: Pass) -> [String] {
        var names = gradients.keys.filter { name in
            guard let mine = gradients[name], let theirs = other.gradients[name] else { return true }
            return !isIdentical(mine, theirs)
        }
        if !isIdentical(output, other.output) { names.append("output") }
        if !isIdentical(inputGradient, other.inputGradient) { names.append("input") }
        return names.sorted()
    }
}

extension ParameterArena {
    /// A buffer's value, copied.
    public func value(of buffer: Buffer) -> Tensor {
        Tensor(buffer.shape) { $0.update(from: values + buffer.range.lowerBound, count: buffer.shape.count) }
    }
}
