import Tensors

/// An engine that a test is to be run with.
public struct EngineCase: Hashable, Sendable, CustomStringConvertible {
    /// The kernels.
    public let instructionSet: InstructionSet
    /// The number of threads.
    public let threads: Int

    /// Describes an engine.
    public init(_ instructionSet: InstructionSet, threads: Int) {
        self.instructionSet = instructionSet
        self.threads = threads
    }

    /// The narrowest kernels on one thread.
    public static let baseline = EngineCase(.baseline, threads: 1)

    /// Each instruction set of this CPU on one thread.
    public static let single = InstructionSet.allCases.filter(\.isSupported).map { EngineCase($0, threads: 1) }

    /// Each instruction set of this CPU with one and with two threads.
    public static let all = single.flatMap { [$0, $0.with(threads: 2)] }

    /// The same kernels on another number of threads.
    public func with(threads: Int) -> EngineCase { EngineCase(instructionSet, threads: threads) }

    /// The engine.
    ///
    /// - Throws: `EngineError` when the CPU cannot run it.
    public func make() throws(EngineError) -> Engine { try Engine(instructionSet, threads: threads) }

    /// As in `avx2 on 2 threads`.
    public var description: String { "\(instructionSet.rawValue) on \(threads) \(threads == 1 ? "thread" : "threads")" }
}
