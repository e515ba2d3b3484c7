import Collectives
import Foundation
import Messaging
import Tensors
import Testing
import Threading

/// Transports of one kind that have dialled each other.
func connectedTransports(
    _ ranks: Int, overZeroMQ: Bool, connections: Int = 1, network: InMemoryNetwork = .init()
) throws -> [any Transport] {
    let transports: [any Transport] = try (0..<ranks).map { rank in
        let id = try PeerID("worker-\(rank)")
        return overZeroMQ
            ? try ZeroMQTransport(id: id, listeningAt: "tcp://127.0.0.1:0")
            : try network.endpoint(id, at: "memory-\(rank)")
    }
    for from in transports {
        for to in transports where from !== to {
            try from.connect(to: to.id, at: #require(to.address), connections: connections)
        }
    }
    return transports
}

func name(ofRank rank: Int) -> String { "worker \(rank) (host \(["a", "b", "c", "d"][rank % 4]), pid \(40 + rank))" }

/// Makes the group of rank `rank` with the settings of these tests.
func makeGroup(
    rank: Int, ranks: Int, mailbox: SegmentMailbox, shards: Int? = nil, ranges: [Range<Int>]? = nil,
    generation: UInt32 = 1,
    algorithm: String = "direct", hosts: [String]? = nil, deadline: Duration = .seconds(20), segmentElements: Int = 64,
    windowBytes: Int = 16 << 20
) throws -> AllReduceGroup {
    let tree = ShardTree(shards: shards ?? ranks)
    let hosts = hosts ?? (0..<ranks).map { "host \($0)" }
    return AllReduceGroup(
        mailbox: mailbox, rank: rank, members: try (0..<ranks).map { try PeerID("worker-\($0)") },
        names: (0..<ranks).map(name(ofRank:)), generation: generation,
        algorithm: try AlgorithmCatalog.algorithm(named: algorithm),
        shards: ranges ?? tree.evenRanges(hosts: hosts), hosts: hosts, deadline: deadline,
        segmentElements: segmentElements,
        windowBytes: windowBytes)
}

/// The gradient of a shard, of magnitudes so different that another order of additions shows in the bits.
func gradient(ofShard shard: Int, step: UInt64, bucket: UInt32, count: Int) -> [Float] {
    var random = RandomStream(seed: 99, UInt64(shard), step, UInt64(bucket))
    return (0..<count).map { _ in random.uniform(-1, 1) * Float(1 << random.integer(below: 20)) }
}

/// The sum up the tree, in the plainest way.
func plainSum(_ node: ShardNode, step: UInt64, bucket: UInt32, count: Int) -> [Float] {
    guard let children = node.children else {
        return gradient(ofShard: node.lower, step: step, bucket: bucket, count: count)
    }
    return zip(
        plainSum(children.left, step: step, bucket: bucket, count: count),
        plainSum(children.right, step: step, bucket: bucket, count: count)
    ).map(+)
}

extension AllReduceGroup {
    /// Fills blocks of `memory` with this rank's folded shards, sums the elements `range`, and returns those.
    ///
    /// The rest of the blocks is not a number, which shows in the result if it is touched.
    func summed(
        _ memory: GradientMemory, _ blocks: [UnsafeMutablePointer<Float>], step: UInt64, bucket: UInt32 = 0,
        range: Range<Int>
    ) throws(CollectiveError) -> [Float] {
        var partials: [ShardNode: UnsafeMutablePointer<Float>] = [:]
        for (node, block) in zip(ownNodes, blocks) {
            block.update(repeating: .nan, count: memory.elements)
            let sum = plainSum(node, step: step, bucket: bucket, count: range.count)
            sum.withUnsafeBufferPointer { sum in
                if let base = sum.baseAddress { (block + range.lowerBound).update(from: base, count: range.count) }
            }
            partials[node] = block
        }
        try self.sum(step: step, bucket: bucket, blocks: partials, range: range)
        return Array(UnsafeBufferPointer(start: memory.result + range.lowerBound, count: range.count))
    }

    /// Folds this rank's shards, sums over the group and returns the result; `inPlace` writes it over a partial sum.
    func summed(step: UInt64, bucket: UInt32 = 0, count: Int, inPlace: Bool = false) throws(CollectiveError) -> [Float]
    {
        let memory = ownNodes.map { node in
            let block = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
            let sum = plainSum(node, step: step, bucket: bucket, count: count)
            sum.withUnsafeBufferPointer { if let base = $0.baseAddress { block.update(from: base, count: count) } }
            return (node, block)
        }
        let separate = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
        separate.initialize(repeating: .nan, count: max(count, 1))
        defer {
            // The memory is free when `sum` has returned: overwriting it here must not reach anybody.
            for (_, block) in memory {
                block.update(repeating: .nan, count: count)
                block.deallocate()
            }
            separate.deallocate()
        }
        let result = inPlace ? memory.last?.1 ?? separate : separate
        try sum(
            step: step, bucket: bucket, partials: memory.map(\.1), count: count, into: result)
        return Array(UnsafeBufferPointer(start: result, count: count))
    }
}

/// Runs `body` for each rank on a thread of its own and returns what they return or throw.
func onThreads<Value: Sendable>(
    _ ranks: Int, _ body: @escaping @Sendable (Int) throws -> Value
) -> [Result<Value, any Error>] {
    let results = Results<Value>()
    let threads = (0..<ranks).map { rank in
        DedicatedThread(name: "rank-\(rank)") {
            results.set(Result { try body(rank) }, of: rank)
        }
    }
    for thread in threads { thread.join() }
    return results.inOrder
}

/// What the ranks' threads returned, behind a lock that the thread sanitizer sees.
private final class Results<Value: Sendable>: @unchecked Sendable {  // `byRank` is behind `condition`.
    private let condition = Condition()
    private var byRank: [Int: Result<Value, any Error>] = [:]

    func set(_ result: Result<Value, any Error>, of rank: Int) { condition.withLock { byRank[rank] = result } }

    var inOrder: [Result<Value, any Error>] {
        condition.withLock { byRank.sorted { $0.key < $1.key }.map(\.value) }
    }
}

extension Array where Element == Float {
    /// The bits of the elements, for comparisons that tell -0 from 0.
    var bits: [UInt32] { map(\.bitPattern) }
}
