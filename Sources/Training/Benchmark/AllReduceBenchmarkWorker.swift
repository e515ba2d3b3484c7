import Cluster
import Collectives
import Foundation
import Threading

/// One worker of an all-reduce benchmark.
///
/// Confined to one thread.
final class AllReduceBenchmarkWorker {
    /// Sizes up to this one are summed in private memory, which small sums copy faster than workers meet twice.
    private static let largestPrivate = 32 << 10

    private let sizes: [Int]
    private let rank, workers: Int
    private let encoding: WireEncoding
    private let membership: BenchmarkGroup
    private let group: AllReduceGroup
    private var step: UInt64 = 0
    /// What workers sum to meet: one element.
    private let meeting: [UnsafeMutablePointer<Float>]

    init(_ benchmark: AllReduceBenchmark, _ membership: BenchmarkGroup, rank: Int, workers: Int) {
        sizes = benchmark.sizes
        encoding = benchmark.configuration.gradientCompression?.encoding ?? .float32
        self.rank = rank
        self.workers = workers
        self.membership = membership
        group = membership.allreduce
        meeting = [.allocate(capacity: 1)]
        meeting[0].initialize(to: 0)
    }

    deinit { meeting[0].deallocate() }

    /// Measures all sizes; rank 0 reports.
    func run(_ report: (AllReduceBenchmark.Row) -> Void) throws {
        defer { membership.close() }
        let memory = try group.makeMemory(elements: (sizes.max() ?? 4) / 4)
        // As mpirun does: two workers that share a core by chance would be measured instead of the sum.
        if memory.isShared && workers <= ProcessInfo.processInfo.activeProcessorCount {
            CoreBinding.bindThread(toCore: rank)
        }
        let small = UnsafeMutablePointer<Float>.allocate(capacity: Self.largestPrivate / 2)
        defer { small.deallocate() }
        let block = memory.takeBlock()
        for bytes in sizes {
            let count = bytes / 4
            let isPrivate = bytes <= Self.largestPrivate && encoding == .float32
            let values = isPrivate ? small : block
            let result = isPrivate ? small + count : memory.result
            let partials = [values]
            let blocks = [group.ownNodes[0]: values]
            func sum() throws {
                step += 1
                if isPrivate {
                    try group.sum(step: step, bucket: 0, partials: partials, count: count, into: result)
                } else {
                    try group.sum(
                        step: step, bucket: 0, blocks: blocks, range: 0..<count, encoding: encoding)
                }
            }
            var times: [Double] = []
            let rounds = bytes <= 256 << 10 ? 1000 : bytes <= 4 << 20 ? 100 : 16
            for round in 0..<rounds + 4 {
                // Other values in the first round and in the last, so that none can pass for the other's.
                let isChecked = round == 0 || round == rounds + 3
                if isChecked { fill(values, count, shift: min(round, 1)) }
                try meet()
                let start = ContinuousClock.now
                try sum()
                let time = start.duration(to: .now).seconds
                if isChecked { try check(result, count, shift: min(round, 1)) }
                if (3..<rounds + 3).contains(round) { times.append(time) }
            }
            if rank == 0 { report(.init(workers: workers, bytes: bytes, seconds: times.median)) }
        }
        try meet()
    }

    /// Waits until all workers are here.
    private func meet() throws {
        step += 1
        try group.sum(step: step, bucket: 0, partials: meeting, count: 1, into: meeting[0])
    }

    private func fill(_ values: UnsafeMutablePointer<Float>, _ count: Int, shift: Int) {
        for index in 0..<count { values[index] = Float((rank + 1) * (index % 7 + shift + 1)) }
        encoding.round(values, count: count)
    }

    /// Small whole numbers add up exactly in any order; compressed ones nearly.
    private func check(_ result: UnsafeMutablePointer<Float>, _ count: Int, shift: Int) throws {
        let ranks = workers * (workers + 1) / 2
        let tolerance: Float = encoding == .float32 ? 0 : 0.02 * Float(8 * ranks)
        for index in 0..<count {
            let expected = Float(ranks * (index % 7 + shift + 1))
            guard abs(result[index] - expected) <= tolerance else {
                throw WrongSum(bytes: count * 4, element: index, found: result[index], expected: expected)
            }
        }
    }
}
