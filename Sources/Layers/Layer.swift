import Autograd
import Tensors

/// A part of a network that maps one value to another.
///
/// A layer is an immutable value; its parameters live in the model's arena, its mode, random numbers and observers come
/// with the ``ForwardContext``. Call a layer like a function: that is where observers see its output.
public protocol Layer: Sendable {
    /// The layer's name in the model, as in `3.c1`.
    var path: String { get }

    /// The shape of one sample's output: `[H, W, C]` for images, `[features]` for vectors.
    ///
    /// - Throws: ``ShapeError`` when the layer cannot take such a sample. A model is checked so before its first step.
    func outputShape(for sample: Shape) throws(ShapeError) -> Shape

    /// Computes the output of a batch, `[N]` followed by a sample's shape.
    func forward(_ input: Variable, _ context: ForwardContext) -> Variable
}

extension Layer {
    /// Computes the output and shows it to the observers of this layer.
    public func callAsFunction(_ input: Variable, _ context: ForwardContext) -> Variable {
        let outer = context.tape.layer
        context.tape.layer = path
        let output = forward(input, context)
        context.tape.layer = outer
        context.show(output, of: self)
        return output
    }
}

extension [any Layer] {
    /// What the last of them makes of a sample, one after the other.
    func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        var shape = sample
        for layer in self { shape = try layer.outputShape(for: shape) }
        return shape
    }
}

/// What a forward pass carries besides its values.
public final class ForwardContext {
    /// How layers behave.
    public enum Mode: Sendable {
        /// Dropout drops, batch norm uses and records the batch's statistics.
        case training
        /// Dropout passes, batch norm uses the running statistics.
        case evaluation
    }

    /// Called with the output of a layer.
    public typealias Observer = (Variable) -> Void

    /// Where operations are recorded.
    public let tape: Tape
    /// How layers behave.
    public let mode: Mode
    /// The number of frames of each clip before its padding; nil when every clip fills its frames.
    public let lengths: [Int]?
    /// By layer path, what to show the layer's output to.
    public let observers: [String: Observer]
    /// How many rows of a layer's batch belong to one sample: more than 1 where frames lie in the batch.
    public private(set) var rowsPerSample = 1
    private let seed: UInt64
    private let streamPath: [UInt64]
    private var streams: UInt64 = 0

    /// Makes the context of one pass; `streamPath` tells which numbers its layers draw, such as (epoch, step, shard).
    public init(
        tape: Tape, mode: Mode, seed: UInt64 = 0, streamPath: [UInt64] = [], lengths: [Int]? = nil,
        observers: [String: Observer] = [:]
    ) {
        self.tape = tape
        self.mode = mode
        self.lengths = lengths
        self.seed = seed
        self.streamPath = streamPath
        self.observers = observers
    }

    /// A stream of random numbers for one use in this pass.
    public func nextStream() -> RandomStream {
        streams += 1
        return RandomStream(seed: seed, path: [Self.domain] + streamPath + [streams])
    }

    /// Shows the output of a layer to its observer.
    func show(_ output: Variable, of layer: any Layer) { observers[layer.path]?(output) }

    /// Runs `body` on a batch in which each sample has `count` times as many rows.
    func withRows(each count: Int, _ body: () -> Variable) -> Variable {
        rowsPerSample *= count
        defer { rowsPerSample /= count }
        return body()
    }

    /// Separates the streams of layers from all others of the same seed.
    private static let domain: UInt64 = 0xd120
}

/// A layer that cannot take what it is given.
public struct ShapeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The layer's name in the model.
    public let path: String
    /// What it needs.
    public let expected: String
    /// The sample it was given.
    public let found: Shape

    /// Describes a mismatch.
    public init(path: String, expected: String, found: Shape) {
        self.path = path
        self.expected = expected
        self.found = found
    }

    /// One sentence.
    public var description: String {
        "layer '\(path)' takes \(expected), but its input is a sample of shape \(found)"
    }
}
