import Tensors

/// A trained tensor: its name, its shape in PyTorch's layout and its place in the arenas.
public struct Parameter: Hashable, Sendable {
    /// PyTorch's name, such as `conv1.weight`.
    public let name: String
    /// PyTorch's layout, such as `[out, in, height, width]` for a convolution.
    public let shape: Shape
    /// Its elements in the value and gradient arenas.
    public let range: Range<Int>
    /// Its place in the order of registration.
    public let index: Int
}

/// A tensor that is saved but not trained, such as a running mean.
public struct Buffer: Hashable, Sendable {
    /// PyTorch's name, such as `bn1.running_mean`.
    public let name: String
    /// Its shape.
    public let shape: Shape
    /// Its elements in the value arena; the statistics that will update it lie there in a `GradientBlock`.
    public let range: Range<Int>
    /// The weight of a step's statistics in the exponential running average.
    public let momentum: Float
}

/// A saved integer that counts steps, such as batch norm's `num_batches_tracked`.
public struct Counter: Hashable, Sendable {
    /// PyTorch's name.
    public let name: String
}

/// All values of a model in one allocation: parameters first, then buffers.
///
/// All-reduce, optimizer, checkpoint and hash are single passes over flat memory. Each tensor starts at a multiple of
/// 16 elements; the gaps are and stay zero.
///
/// Confined to the compute thread, except that others may read `parameters`, `buffers` and the ranges.
public final class ParameterArena: @unchecked Sendable {  // Values are touched by one thread at a time; see above.
    /// The trained tensors in order of registration.
    public let parameters: [Parameter]
    /// The untrained ones.
    public let buffers: [Buffer]
    /// The step counters.
    public let counters: [Counter]
    /// Where the parameters lie.
    public let parameterRange: Range<Int>
    /// Where the buffers lie.
    public let bufferRange: Range<Int>
    /// The values.
    public let values: UnsafeMutablePointer<Float>
    /// What the counters show.
    public var counts: [Int64]

    init(parameters: [Parameter], buffers: [Buffer], counters: [Counter], parameterEnd: Int, end: Int) {
        self.parameters = parameters
        self.buffers = buffers
        self.counters = counters
        parameterRange = 0..<parameterEnd
        bufferRange = parameterEnd..<end
        counts = Array(repeating: 0, count: counters.count)
        values = Self.allocate(end)
    }

    deinit { values.deallocate() }

    /// The number of elements, gaps included.
    public var count: Int { bufferRange.upperBound }

    /// The number of trained numbers, gaps left out.
    public var trainableCount: Int { parameters.reduce(0) { $0 + $1.shape.count } }

    /// Another arena of the same layout with the same values and counts.
    public func copy() -> ParameterArena {
        let copy = ParameterArena(
            parameters: parameters, buffers: buffers, counters: counters, parameterEnd: parameterRange.upperBound,
            end: count)
        copy.values.update(from: values, count: count)
        copy.counts = counts
        return copy
    }

    /// A parameter's value; reading shares the arena's memory.
    public func value(of parameter: Parameter) -> Tensor {
        Tensor(window: values + parameter.range.lowerBound, parameter.shape, owner: self)
    }

    /// Moves the buffers towards a step's statistics and counts the step.
    ///
    /// `statistics` are the summed `GradientBlock` statistics: each the batch statistic times the number of samples.
    public func absorb(statistics: UnsafePointer<Float>, samples: Float) {
        // A batch of which all samples were left out says nothing.
        guard samples > 0 else { return }
        for buffer in buffers {
            for index in buffer.range {
                let statistic = statistics[index] / samples
                values[index] = (1 - buffer.momentum) * values[index] + buffer.momentum * statistic
            }
        }
        for index in counts.indices { counts[index] += 1 }
    }

    /// Zeroed memory for `count` floats, aligned to a cache line.
    static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        let base = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: MemoryPool.alignment)
            .bindMemory(to: Float.self, capacity: max(count, 1))
        base.update(repeating: 0, count: count)
        return base
    }
}
