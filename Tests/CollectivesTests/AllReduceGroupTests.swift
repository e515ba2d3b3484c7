import Collectives
import Messaging
import Testing

@Suite("All-reduce group")
struct AllReduceGroupTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let ranks: Int
        let algorithm: String
        var overZeroMQ = false
        var testDescription: String { "\(ranks) ranks, \(algorithm), \(overZeroMQ ? "ZeroMQ" : "in memory")" }

        static let all =
            AlgorithmCatalog.all.map { $0.name }.flatMap { name in
                [1, 2, 3, 5, 7, 8].map { Case(ranks: $0, algorithm: name) }
                    + [2, 3].map { Case(ranks: $0, algorithm: name, overZeroMQ: true) }
            }
    }

    @Test("eight shards give the bits of the plain tree sum on any number of ranks", arguments: Case.all)
    func sameBits(_ test: Case) throws {
        let transports = try connectedTransports(test.ranks, overZeroMQ: test.overZeroMQ)
        defer { for transport in transports { transport.close() } }
        let counts = [0, 1, test.ranks - 1, test.ranks + 1, 200, 1031]
        // Several steps and buckets in a row, so that faster ranks run ahead.
        let results = onThreads(test.ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: test.ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                shards: 8, algorithm: test.algorithm)
            return try (0..<2).map { step in
                try counts.enumerated().map { bucket, count in
                    try group.summed(step: UInt64(step), bucket: UInt32(bucket), count: count, inPlace: step == 1)
                }
            }
        }
        #expect(results.count == test.ranks)
        for result in results {
            let steps = try result.get()
            for (step, buckets) in steps.enumerated() {
                for (bucket, sum) in buckets.enumerated() {
                    let expected = plainSum(
                        ShardNode(0, 8), step: UInt64(step), bucket: UInt32(bucket), count: counts[bucket])
                    #expect(sum.bits == expected.bits)
                }
            }
        }
    }

    @Test("lent memory is free when sum returns", arguments: [false, true])
    func lentMemory(overZeroMQ: Bool) throws {
        // Segments above the size that is copied, overwritten right after each sum.
        let count = 40_000
        let transports = try connectedTransports(2, overZeroMQ: overZeroMQ)
        defer { for transport in transports { transport.close() } }
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                segmentElements: 8192)
            return try (0..<5).map { try group.summed(step: $0, count: count, inPlace: $0 % 2 == 0) }
        }
        for result in results {
            for (step, sum) in try result.get().enumerated() {
                #expect(sum.bits == plainSum(ShardNode(0, 2), step: UInt64(step), bucket: 0, count: count).bits)
            }
        }
    }

    @Test(
        "a window of a few bytes and several connections give the same bits", arguments: [1, 300, 5000],
        [(false, 1), (true, 3)])
    func windows(bytes: Int, network: (overZeroMQ: Bool, connections: Int)) throws {
        // Segments of 40 KB take turns on the connections and overtake the smaller ones at the end of a slice.
        let count = 70_000
        let transports = try connectedTransports(
            3, overZeroMQ: network.overZeroMQ, connections: network.connections)
        defer { for transport in transports { transport.close() } }
        for algorithm in AlgorithmCatalog.names {
            let generation = UInt32(AlgorithmCatalog.names.firstIndex(of: algorithm) ?? 0) + 1
            let results = onThreads(3) { rank in
                let group = try makeGroup(
                    rank: rank, ranks: 3, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                    generation: generation, algorithm: algorithm, segmentElements: 10_000, windowBytes: bytes)
                return try (0..<2).map { try group.summed(step: $0, count: count) }
            }
            for result in results {
                for (step, sum) in try result.get().enumerated() {
                    #expect(
                        sum.bits == plainSum(ShardNode(0, 3), step: UInt64(step), bucket: 0, count: count).bits,
                        "\(algorithm)")
                }
            }
        }
    }
}
