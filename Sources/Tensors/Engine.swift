import Kernels
import Threading

/// What computes: the kernels of one instruction set, the threads to spread them over, and the memory for results.
public final class Engine: Sendable {
    /// The inner loops in use.
    public let kernels: KernelSet
    /// The name of the kernels' instruction set.
    public var kernelName: String { kernels.name }
    /// Which algorithms may compute convolutions.
    public let convolution: ConvolutionPreference
    /// How many threads compute.
    public var threadCount: Int { threads.threads }
    private let threads: ThreadPool
    /// Where tensors of a step come from, and scratch of the first thread.
    public let memory: MemoryPool
    /// Scratch of each thread, so that it is in that thread's cache.
    private let scratch: [MemoryPool]

    /// Makes an engine.
    ///
    /// - Throws: ``EngineError`` when the CPU cannot run the instruction set.
    public init(
        _ instructionSet: InstructionSet = .best, threads: Int = 1, convolution: ConvolutionPreference = .auto
    ) throws(EngineError) {
        guard instructionSet.isSupported else { throw EngineError.unsupported(instructionSet) }
        BLAS.useCallingThread()
        kernels = instructionSet.kernels
        self.convolution = convolution
        self.threads = ThreadPool(threads: threads)
        let memory = MemoryPool()
        self.memory = memory
        scratch = [memory] + (1..<threads).map { _ in MemoryPool() }
    }

    /// A tensor from the engine's memory whose elements `fill` writes; it must write all of them.
    public func tensor(_ shape: Shape, fill: (UnsafeMutablePointer<Float>) -> Void) -> Tensor {
        Tensor(shape, pool: memory, fill: fill)
    }

    /// A tensor from the engine's memory, and where to write its elements, all of them, before it is handed on.
    public func unwritten(_ shape: Shape) -> (tensor: Tensor, place: SharedPointer<Float>) {
        var place: SharedPointer<Float>?
        let tensor = Tensor(shape, pool: memory) { place = SharedPointer($0) }
        guard let place else { preconditionFailure("a tensor has memory") }
        return (tensor, place)
    }

    /// Runs `body(0)` … `body(count - 1)`, each once, spread over the threads; a body may write only what no other does.
    public func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) { threads.run(count, body) }

    /// Runs `body` over parts of `0 ..< count`, each at most `grain` long; parts depend on the sizes alone.
    public func split(_ count: Int, grain: Int, _ body: @escaping @Sendable (Range<Int>) -> Void) {
        let grain = max(grain, 1)
        threads.run((count + grain - 1) / grain) { part in
            body(part * grain..<min((part + 1) * grain, count))
        }
    }

    /// Cuts 0 ..< `count` into `parts` ranges of neighbours, as equal as can be, and runs `body` on each with its number.
    ///
    /// For partial sums: they depend on the sizes alone, and a thread meets the elements that it met in other loops.
    public func split(_ count: Int, parts: Int, _ body: @escaping @Sendable (_ part: Int, Range<Int>) -> Void) {
        threads.run(parts) { body($0, count * $0 / parts..<count * ($0 + 1) / parts) }
    }

    /// Cuts 0 ..< `count` into a range for each thread, of whole multiples as far as they go, and runs `body` on each.
    ///
    /// For work that costs much to begin; what `body` computes must not depend on where the cuts are.
    public func share(_ count: Int, multiple: Int, _ body: @escaping @Sendable (Range<Int>) -> Void) {
        let share = (count + threadCount - 1) / threadCount
        split(count, grain: (share + multiple - 1) / multiple * multiple, body)
    }

    /// What `body` gives for each of `0 ..< count`, in that order, whichever thread computes it.
    public func results<Result: BitwiseCopyable>(
        _ count: Int, _ body: @escaping @Sendable (Int) -> Result
    ) -> [Result] {
        [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            let results = SharedPointer(base)
            run(count) { (results.base + $0).initialize(to: body($0)) }
            initialized = count
        }
    }

    /// Runs `body` with scratch memory for `count` floats of undefined contents.
    public func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let (pool, capacity) = (scratch[threads.currentThread], MemoryPool.roundedCapacity(count))
        let base = pool.take(capacity)
        defer { pool.put(base, capacity) }
        return body(base)
    }
}

/// Which algorithms may compute convolutions.
public enum ConvolutionPreference: String, Codable, Sendable, CaseIterable {
    /// The fastest algorithm for each shape.
    case auto
    /// Only algorithms that sum products of inputs and weights.
    case direct
}

/// Why an engine cannot be made.
public enum EngineError: Error, Sendable, CustomStringConvertible {
    /// The CPU lacks the instruction set.
    case unsupported(InstructionSet)

    /// One sentence with the mend.
    public var description: String {
        switch self {
        case .unsupported(let set):
            "this CPU has no \(set.rawValue); set engine.kernels to auto or \(InstructionSet.best.rawValue)"
        }
    }
}

/// A pointer that several threads write through, each to its own elements.
public struct SharedPointer<Pointee>: @unchecked Sendable {  // Users write disjoint ranges; see `ThreadPool.run`.
    /// The pointer.
    public let base: UnsafeMutablePointer<Pointee>

    /// Wraps a pointer that outlives the threads' use.
    public init(_ base: UnsafeMutablePointer<Pointee>) { self.base = base }
}

/// A pointer that several threads read through.
public struct SharedSource<Pointee>: @unchecked Sendable {  // Nobody writes while threads read.
    /// The pointer.
    public let base: UnsafePointer<Pointee>

    /// Wraps a pointer that outlives the threads' use.
    public init(_ base: UnsafePointer<Pointee>) { self.base = base }
}
