import Kernels
import Tensors

/// What a shard of a batch contributes to a step, in one allocation laid out like the `ParameterArena`: gradients at the
/// parameters' places, batch statistics at the buffers' places, then the tallies.
///
/// Everything in it is a sum over samples, so blocks of several shards are added element by element.
public final class GradientBlock {
    /// Sums that ride along with the gradients.
    public enum Tally: Int, CaseIterable, Sendable {
        /// The number of samples.
        case samples
        /// The sum of the samples' losses.
        case loss
        /// The number of samples whose largest logit is the target's.
        case correct
        /// The number of shards whose worker was asked to stop.
        case stopRequests
        /// What the sum of the losses, and with it the gradients, is divided by for the mean.
        case lossWeight
    }

    /// The elements.
    public let base: UnsafeMutablePointer<Float>
    /// Where gradients, statistics and tallies lie.
    public let parameterRange, bufferRange, tallyRange: Range<Int>
    private var isWritten: [Bool]
    private let parameters: [Parameter]
    /// Who keeps the memory; nil when the block does.
    private let owner: AnyObject?

    /// A block of zeros for the model in `arena`.
    public convenience init(for arena: ParameterArena) {
        self.init(for: arena, base: ParameterArena.allocate(Self.count(for: arena)), owner: nil)
    }

    /// A block on memory that `owner` keeps: room for `count(for: arena)` floats, zero at first.
    public convenience init(for arena: ParameterArena, memory: UnsafeMutablePointer<Float>, owner: AnyObject) {
        self.init(for: arena, base: memory, owner: owner)
    }

    private init(for arena: ParameterArena, base: UnsafeMutablePointer<Float>, owner: AnyObject?) {
        parameterRange = arena.parameterRange
        bufferRange = arena.bufferRange
        tallyRange = arena.count..<Self.count(for: arena)
        parameters = arena.parameters
        isWritten = Array(repeating: false, count: parameters.count)
        self.base = base
        self.owner = owner
    }

    deinit { if owner == nil { base.deallocate() } }

    /// The number of elements of a block for the model in `arena`.
    public static func count(for arena: ParameterArena) -> Int { arena.count + Tally.allCases.count }

    /// The number of elements.
    public var count: Int { tallyRange.upperBound }

    /// One of the sums that ride along.
    public subscript(tally: Tally) -> Float {
        get { base[tallyRange.lowerBound + tally.rawValue] }
        set { base[tallyRange.lowerBound + tally.rawValue] = newValue }
    }

    /// What makes means of the sums of gradients and losses; 0 when no sample counts, so that nothing divides by zero.
    public var meanFactor: Float { self[.lossWeight] > 0 ? 1 / self[.lossWeight] : 0 }

    /// Prepares for a new shard: gradients are overwritten by the first contribution, the rest is zero.
    public func reset() {
        for index in isWritten.indices { isWritten[index] = false }
        (base + bufferRange.lowerBound).update(repeating: 0, count: tallyRange.upperBound - bufferRange.lowerBound)
    }

    /// Zeroes the gradients from element `start` on that nothing contributed to; to be called when they are final.
    public func finish(from start: Int = 0) {
        for (index, parameter) in parameters.enumerated() where !isWritten[index] && parameter.range.lowerBound >= start
        {
            (base + parameter.range.lowerBound).update(repeating: 0, count: parameter.range.count)
            isWritten[index] = true
        }
    }

    /// Calls `body` with a parameter's gradient and whether to add to it.
    func contribute(to parameter: Parameter, _ body: (UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void) {
        body(base + parameter.range.lowerBound, isWritten[parameter.index])
        isWritten[parameter.index] = true
    }

    /// Adds a batch statistic, times the number of samples that it stands for.
    public func record(_ statistic: UnsafePointer<Float>, samples: Int, for buffer: Buffer) {
        for (offset, index) in buffer.range.enumerated() { base[index] += statistic[offset] * Float(samples) }
    }

    /// Adds the elements `range` of another shard's contribution.
    public func add(_ other: GradientBlock, _ range: Range<Int>, _ engine: Engine) {
        engine.kernels.elementwise.accumulate(other.base + range.lowerBound, base + range.lowerBound, range.count)
    }

    /// Whether no element, or none of `range`, is infinite or not a number.
    public func isFinite(in range: Range<Int>? = nil, _ engine: Engine) -> Bool {
        let (first, end, grain) = (range?.lowerBound ?? 0, range?.upperBound ?? count, 1 << 16)
        let elements = SharedSource(UnsafePointer(base))
        return engine.results((end - first + grain - 1) / grain) { part in
            let start = first + part * grain
            return engine.kernels.elementwise.isFinite(elements.base + start, min(grain, end - start))
        }.allSatisfy(\.self)
    }

    /// A parameter's gradient, copied.
    public func gradient(of parameter: Parameter) -> Tensor {
        Tensor(parameter.shape) { $0.update(from: base + parameter.range.lowerBound, count: parameter.shape.count) }
    }
}
