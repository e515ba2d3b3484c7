import Collectives
import Foundation
import Messaging
import Synchronization
import Tensors
import Testing
import Threading

@Suite("All-reduce in shared memory")
struct SharedMemoryTests {
    /// Hosts of the ranks by letter, as in `aab` for two workers on one host and one on another.
    private static let placements = ["a", "aa", "aaa", "aaaaa", "aab", "aba", "aabb", "abcab", "aaabbbc", "abababab"]

    @Test(
        "blocks give the bits of the plain tree sum wherever the ranks are",
        arguments: placements, AlgorithmCatalog.all.map { $0.name })
    func sameBits(placement: String, algorithm: String) throws {
        let hosts = placement.map { String($0) }
        let ranks = hosts.count
        let elements = 70_000
        let ranges = [0..<0, 0..<1, 3..<3 + ranks, 5..<4100, 4096..<4096 + 16 * ranks + 1, 100..<elements]
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                shards: max(8, ranks), algorithm: algorithm, hosts: hosts, segmentElements: 10_000)
            let memory = try group.makeMemory(elements: elements)
            let blocks = group.ownNodes.map { _ in memory.takeBlock() }
            #expect(memory.isShared == (hosts.filter { $0 == hosts[rank] }.count > 1))
            return try (0..<2).map { step in
                try ranges.enumerated().map { bucket, range in
                    try group.summed(memory, blocks, step: UInt64(step), bucket: UInt32(bucket), range: range)
                }
            }
        }
        for result in results {
            for (step, sums) in try result.get().enumerated() {
                for (bucket, sum) in sums.enumerated() {
                    let expected = plainSum(
                        ShardNode(0, max(8, ranks)), step: UInt64(step), bucket: UInt32(bucket),
                        count: ranges[bucket].count)
                    #expect(sum.bits == expected.bits)
                }
            }
        }
    }

    @Test("private memory gives the same bits, in place too, between sums of blocks", arguments: [1, 2, 3, 5, 8])
    func privateMemory(ranks: Int) throws {
        let hosts = Array(repeating: "a", count: ranks)
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        // The last one takes several slots.
        let counts = [0, 1, ranks - 1, ranks + 1, 200, 40_000]
        let results = onThreads(ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5), shards: 8,
                hosts: hosts)
            let memory = try group.makeMemory(elements: 5000)
            let blocks = group.ownNodes.map { _ in memory.takeBlock() }
            return try counts.enumerated().flatMap { bucket, count in
                let bucket = UInt32(bucket) * 2
                return [
                    try group.summed(step: 0, bucket: bucket, count: count, inPlace: bucket % 4 == 0),
                    try group.summed(memory, blocks, step: 0, bucket: bucket + 1, range: 1000..<5000),
                ]
            }
        }
        for result in results {
            for (bucket, sum) in try result.get().enumerated() {
                let count = bucket % 2 == 0 ? counts[bucket / 2] : 4000
                #expect(sum.bits == plainSum(ShardNode(0, 8), step: 0, bucket: UInt32(bucket), count: count).bits)
            }
        }
    }

    @Test("a worker without shards gets every sum of private memory, however soon the others go on")
    func privateMemoryWithoutShards() throws {
        let ranges = [0..<5, 5..<5, 5..<8]
        let transports = try connectedTransports(3, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(3) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 3, mailbox: SegmentMailbox(transport: transports[rank], runID: 5), shards: 8,
                ranges: ranges, hosts: ["a", "a", "a"])
            _ = try group.makeMemory(elements: 1)
            return try (UInt32(0)..<50).map { try group.summed(step: 0, bucket: $0, count: 100) }
        }
        for result in results {
            for (bucket, sum) in try result.get().enumerated() {
                #expect(sum.bits == plainSum(ShardNode(0, 8), step: 0, bucket: UInt32(bucket), count: 100).bits)
            }
        }
    }

    @Test("what a worker has announced is summed by whoever comes first, before that worker comes")
    func announced() throws {
        let transports = try connectedTransports(2, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let ranges = [4096..<9000, 0..<4096]
        let isSummed = BlockingQueue<Bool>()
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                hosts: ["a", "a"])
            let memory = try group.makeMemory(elements: 9000)
            let block = memory.takeBlock()
            let blocks = [ShardNode(rank, rank + 1): block]
            var sums: [[Float]] = []
            for (bucket, range) in ranges.enumerated() {
                let part = gradient(ofShard: rank, step: 0, bucket: UInt32(bucket), count: range.count)
                for (offset, value) in zip(range, part) { block[offset] = value }
                if rank == 0 && bucket == 0 {
                    group.announce(blocks)
                    guard case .element = isSummed.pop(until: .now + .seconds(20)) else { break }
                }
                try group.sum(step: 0, bucket: UInt32(bucket), blocks: blocks, range: range)
                sums.append(range.map { memory.result[$0] })
                isSummed.push(true)
            }
            return sums
        }
        for result in results {
            let sums = try result.get()
            #expect(sums.count == 2)
            for (bucket, sum) in sums.enumerated() {
                let expected = plainSum(
                    ShardNode(0, 2), step: 0, bucket: UInt32(bucket), count: ranges[bucket].count)
                #expect(sum.bits == expected.bits)
            }
        }
    }

    @Test("partial sums stay as they are")
    func untouchedPartials() throws {
        let transports = try connectedTransports(2, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                hosts: ["a", "a"])
            let memory = try group.makeMemory(elements: 9000)
            let block = memory.takeBlock()
            _ = try group.summed(memory, [block], step: 0, range: 0..<9000)
            return Array(UnsafeBufferPointer(start: block, count: 9000))
        }
        for (rank, partial) in results.enumerated() {
            #expect(try partial.get().bits == gradient(ofShard: rank, step: 0, bucket: 0, count: 9000).bits)
        }
    }

    @Test(
        "sums that take the place of partial sums have the same bits and last until the next turn's",
        arguments: [2, 3, 5, 8], [1, 9000, 70_000])
    func turns(ranks: Int, elements: Int) throws {
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let buckets = [elements / 3..<elements, 0..<elements / 3]
        let shards = 2 * ranks - 1
        @Sendable func sum(_ node: ShardNode, _ step: UInt64) -> [Float] {
            buckets.enumerated().reversed().flatMap { bucket, range in
                plainSum(node, step: step, bucket: UInt32(bucket), count: range.count)
            }
        }
        let expected = (0..<5).map { sum(ShardNode(0, shards), $0).bits }
        let results = onThreads(ranks) { rank in
            // Different numbers of shards, so that some ranks have several blocks.
            let ranges = (0..<ranks).map { min(2 * $0 + $0 % 2, shards)..<min(2 * $0 + 2 + ($0 + 1) % 2, shards) }
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                shards: shards, ranges: ranges, hosts: Array(repeating: "a", count: ranks))
            let memory = try group.makeMemory(elements: elements, overwritesPartials: true)
            func found(_ result: UnsafeMutablePointer<Float>) -> [UInt32] { (0..<elements).map { result[$0] }.bits }
            for (number, wanted) in expected.enumerated() {
                let step = UInt64(number)
                let before = memory.result
                memory.beginTurn()
                let blocks = Dictionary(uniqueKeysWithValues: group.ownNodes.map { ($0, memory.takeBlock()) })
                for (node, block) in blocks { block.update(from: sum(node, step), count: elements) }
                // Whoever is fast has written over all it may by now, and nobody has summed.
                try group.meet(step: step, bucket: 0)
                if step > 0 {
                    let isKept = found(before) == expected[number - 1]
                    #expect(isKept, "step \(step)")
                }
                for (bucket, range) in buckets.enumerated() {
                    try group.sum(step: step, bucket: UInt32(bucket + 1), blocks: blocks, range: range)
                }
                let isRight = found(memory.result) == wanted
                #expect(isRight, "step \(step)")
            }
        }
        for result in results { try result.get() }
    }

    @Test("whose partial sum was not finite can be told from the sum in its place", arguments: 0..<20 as Range<UInt64>)
    func notFinite(seed: UInt64) throws {
        var random = RandomStream(seed: seed)
        let ranks = 2 + random.integer(below: 3)
        let elements = [1, 5000, 40_000][random.integer(below: 3)]
        let hosts = Array(repeating: "a", count: ranks)
        let value = [Float.nan, .infinity, -.infinity][random.integer(below: 3)]
        // Of each rank the element that is not finite, if there is one.
        let odd: [Int?] = (0..<ranks).map { _ in
            random.integer(below: 2) == 0 ? nil : random.integer(below: elements)
        }
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5), hosts: hosts)
            let memory = try group.makeMemory(elements: elements, overwritesPartials: true)
            memory.beginTurn()
            let block = memory.takeBlock()
            block.update(repeating: 1, count: elements)
            if let element = odd[rank] { block[element] = value }
            try group.sum(step: 0, bucket: 0, blocks: [group.ownNodes[0]: block], range: 0..<elements)
            let affected = memory.nodesNotFinite()
            try group.meet(step: 0, bucket: .max)
            return (affected, group.ownNodes)
        }
        for (rank, result) in results.enumerated() {
            let (affected, nodes) = try result.get()
            // Two ranks with the same element hide the one whose sum lies there.
            let isHidden = odd.indices.contains { $0 != rank && odd[$0] != nil && odd[$0] == odd[rank] }
            guard !isHidden else { continue }
            #expect(affected == (odd[rank] == nil ? [] : nodes), "seed \(seed), rank \(rank), \(odd)")
        }
    }

    /// Rank 0 of two on one host that have opened their memory; rank 1 does what `rank1` says.
    private func rank0(
        deadline: Duration = .seconds(20), network: InMemoryNetwork = .init(),
        rank1: @escaping @Sendable (any Transport, AllReduceGroup) throws -> Void,
        _ body: @escaping @Sendable (AllReduceGroup, GradientMemory) throws -> Void
    ) throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                hosts: ["a", "a"], deadline: deadline)
            let memory = try group.makeMemory(elements: 100)
            if rank == 0 { try body(group, memory) } else { try rank1(transports[1], group) }
        }
        for result in results { try result.get() }
    }

    @Test("a timeout names the worker that did not come")
    func timeout() throws {
        try rank0(deadline: .milliseconds(30)) { _, _ in
        } _: { group, memory in
            let block = memory.takeBlock()
            let error = #expect(throws: CollectiveError.self) {
                try group.summed(memory, [block], step: 12, bucket: 3, range: 0..<100)
            }
            #expect(
                error?.description == """
                    rank 0 waited 30 ms for worker 1 (host b, pid 41) in the shared memory of step 12, bucket 3; see \
                    whether it still runs, or raise the all-reduce deadline
                    """)
        }
    }

    @Test("a lost worker ends the sum at once, and the group with it")
    func lostWorker() throws {
        let network = InMemoryNetwork()
        try rank0(network: network) { _, _ in
            network.kill("worker-1")
        } _: { group, memory in
            let block = memory.takeBlock()
            let error = #expect(throws: CollectiveError.self) {
                try group.summed(memory, [block], step: 3, range: 0..<100)
            }
            #expect(
                error?.description == """
                    rank 0 lost worker 1 (host b, pid 41) in step 3, bucket 0: its connection ended; the step has to be \
                    done again without it
                    """)
            #expect(throws: CollectiveError.ended(cause: error?.description ?? "")) {
                try group.summed(memory, [block], step: 4, range: 0..<100)
            }
        }
    }

    @Test("cancelling ends a sum that waits")
    func cancel() throws {
        let started = BlockingQueue<AllReduceGroup>()
        try rank0 { _, _ in
            if case .element(let group) = started.pop() { group.cancel(reason: "worker 1 left") }
        } _: { group, memory in
            let block = memory.takeBlock()
            started.push(group)
            #expect(throws: CollectiveError.cancelled(reason: "worker 1 left")) {
                try group.summed(memory, [block], step: 3, range: 0..<100)
            }
        }
    }

    @Test("a worker that never opens the memory is named")
    func absent() throws {
        let transports = try connectedTransports(3, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(
            rank: 0, ranks: 3, mailbox: SegmentMailbox(transport: transports[0], runID: 5), hosts: ["a", "a", "b"],
            deadline: .milliseconds(30))
        let error = #expect(throws: CollectiveError.self) { try group.makeMemory(elements: 5) }
        #expect(
            error?.description == """
                rank 0 waited 30 ms for worker 1 (host b, pid 41) to open shared memory; see whether it still runs, or set \
                allreduce.shared_memory to false
                """)
    }

    @Test("a worker that offers memory for another model is named")
    func differentModels() throws {
        let transports = try connectedTransports(2, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                hosts: ["a", "a"], deadline: .milliseconds(100))
            _ = try group.makeMemory(elements: 5 + 5000 * rank)
        }
        #expect(throws: CollectiveError.self) { try results[0].get() }
        let error = #expect(throws: CollectiveError.self) { try results[1].get() }
        #expect(
            error?.description == """
                worker 0 (host a, pid 40) offers shared memory of another size than this worker needs; all workers must \
                build the same model
                """)
    }
}
