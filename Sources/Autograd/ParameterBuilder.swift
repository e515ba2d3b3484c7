import Tensors

/// Fills a new parameter.
public protocol Initializer: Sendable {
    /// Writes all elements of a parameter of `shape`, drawing from `random`.
    func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream)
}

/// Chooses what fills the parameters of a model.
public protocol Initialization: Sendable {
    /// What fills a parameter, called `name` within its layer; `layerDefault` is what the layer asks for.
    func initializer(for name: String, _ shape: Shape, layerDefault: any Initializer) -> any Initializer
}

/// Names, places and fills the parameters of a model while its layers are made.
///
/// - Determinism: parameter number `i` is drawn from a stream of its own, a function of the seed and `i`.
/// - Source: the idea of scopes is that of candle's VarBuilder.
public final class ParameterBuilder {
    private struct Registry {
        var parameters: [(parameter: Parameter, initializer: any Initializer)] = []
        var buffers: [(name: String, shape: Shape, momentum: Float, initial: Float)] = []
        var counters: [Counter] = []
        var names: Set<String> = []
        var parameterEnd = 0
    }

    private final class Shared {
        var registry = Registry()
    }

    private let shared: Shared
    private let prefix: String
    private let initialization: (any Initialization)?

    /// A builder without parameters; without an `initialization` each is filled as its layer asks.
    public convenience init(initialization: (any Initialization)? = nil) {
        self.init(Shared(), prefix: "", initialization)
    }

    private init(_ shared: Shared, prefix: String, _ initialization: (any Initialization)?) {
        self.shared = shared
        self.prefix = prefix
        self.initialization = initialization
    }

    /// A builder for the same model whose names begin with this one's prefix, `name` and a dot.
    public func scope(_ name: String) -> ParameterBuilder {
        ParameterBuilder(shared, prefix: prefix + name + ".", initialization)
    }

    /// The name of the layer that this builder is for, as in `features.0`.
    public var path: String { String(prefix.dropLast()) }

    /// The number of trained numbers of the model so far.
    public var trainableCount: Int { shared.registry.parameters.reduce(0) { $0 + $1.parameter.shape.count } }

    /// Registers a trained tensor that `initializer` fills, unless the model's initialisation chooses another one.
    public func parameter(_ name: String, _ shape: Shape, _ initializer: any Initializer) -> Parameter {
        let full = claim(name)
        let start = shared.registry.parameterEnd
        let parameter = Parameter(
            name: full, shape: shape, range: start..<start + shape.count, index: shared.registry.parameters.count)
        let chosen = initialization?.initializer(for: name, shape, layerDefault: initializer) ?? initializer
        shared.registry.parameters.append((parameter, chosen))
        shared.registry.parameterEnd = start + Self.padded(shape.count)
        return parameter
    }

    /// Registers a saved, untrained tensor filled with `initial`; `momentum` weighs new statistics.
    public func buffer(_ name: String, _ shape: Shape, initial: Float, momentum: Float) -> BufferHandle {
        let full = claim(name)
        shared.registry.buffers.append((full, shape, momentum, initial))
        return BufferHandle(index: shared.registry.buffers.count - 1)
    }

    /// Registers a saved step counter.
    public func counter(_ name: String) {
        shared.registry.counters.append(Counter(name: claim(name)))
    }

    /// Places and fills everything registered so far.
    public func build(seed: UInt64) -> ParameterArena {
        let registry = shared.registry
        // Buffers lie behind all parameters, so they have a place only now.
        var start = registry.parameterEnd
        let buffers = registry.buffers.map { entry in
            defer { start += Self.padded(entry.shape.count) }
            return Buffer(
                name: entry.name, shape: entry.shape, range: start..<start + entry.shape.count,
                momentum: entry.momentum)
        }
        let arena = ParameterArena(
            parameters: registry.parameters.map(\.parameter), buffers: buffers, counters: registry.counters,
            parameterEnd: registry.parameterEnd,
            end: start)
        for (parameter, initializer) in registry.parameters {
            var random = RandomStream(seed: seed, Self.domain, UInt64(parameter.index))
            initializer.fill(arena.values + parameter.range.lowerBound, parameter.shape, &random)
        }
        for (buffer, entry) in zip(buffers, registry.buffers) {
            (arena.values + buffer.range.lowerBound).update(repeating: entry.initial, count: buffer.range.count)
        }
        return arena
    }

    /// Separates the streams of initial values from all others of the same seed.
    private static let domain: UInt64 = 0x1417

    private static func padded(_ count: Int) -> Int { (count + 15) / 16 * 16 }

    private func claim(_ name: String) -> String {
        let full = prefix + name
        precondition(shared.registry.names.insert(full).inserted, "two tensors of the model are named '\(full)'")
        return full
    }
}

/// A registered buffer; its place is known once the model is built.
public struct BufferHandle: Hashable, Sendable {
    /// Its place among `ParameterArena.buffers`.
    public let index: Int
}
