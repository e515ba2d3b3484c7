/// Each slice travels once around the ring of ranks while partial sums join it, and once more as the result.
///
/// Every rank sends to its successor alone, for 2·(P − 1) steps. A sum around a ring would start at another shard for
/// each slice; here only what the shard tree allows is added on the way, and the rest travels beside it. So a few partial
/// sums travel where a plain ring sends one, at most log₂ of the number of shards, twice that past the last rank.
///
/// Source: Patarasuk, Yuan, Bandwidth Optimal All-reduce Algorithms for Clusters of Workstations, 2009.
public struct RingAllReduce: AllReduceAlgorithm {
    /// `ring`.
    public static let name = "ring"

    /// Makes the algorithm, which has no settings.
    public init() {}

    /// For each slice the stages that pass on what has been gathered, and one that gets or forms the result.
    public func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan {
        let order = shards.shardOrder
        let ranks = order.count
        let nodes = order.map { tree.maximalNodes(in: shards[$0]) }
        let place = order.firstIndex(of: rank) ?? 0
        let successor = order[(place + 1) % ranks]
        let predecessor = order[(place + ranks - 1) % ranks]
        return Plan(
            (0..<ranks).flatMap { owner -> [Plan.Stage] in
                let slice = owner * count / ranks..<(owner + 1) * count / ranks
                // The slice starts behind its owner and ends there.
                let before = (place + ranks - owner - 1) % ranks
                let passed = tree.merged((0..<before).flatMap { nodes[(owner + 1 + $0) % ranks] })
                let gathering = Gathering(
                    own: nodes[place], received: passed.map { .init(.reduceScatter, $0, peer: predecessor) })
                let next = Plan.Transfer(.allGather, tree.root, peer: successor)
                if place == owner {
                    return [gathering.stage(on: slice, to: tree.root, sends: ranks > 1 ? [next] : [])]
                }
                let isLast = (place + 1) % ranks == owner
                let result = Plan.Stage(
                    slice, receives: [.init(.allGather, tree.root, peer: predecessor)], result: tree.root,
                    operands: [tree.root], sends: isLast ? [] : [next])
                return gathering.stages(on: slice, passingTo: successor, in: tree, as: .reduceScatter) + [result]
            })
    }
}
