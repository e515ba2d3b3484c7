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
        let order = shards.active
        let ranks = order.count
        func slice(_ owner: Int) -> Range<Int> { owner * count / ranks..<(owner + 1) * count / ranks }
        guard let place = order.firstIndex(of: rank) else {
            return Plan(
                (0..<ranks).map { owner in
                    Plan.Stage(
                        slice(owner), receives: [.init(.broadcast, tree.root, peer: order[0])], result: tree.root,
                        operands: [tree.root])
                })
        }
        let nodes = order.map { tree.maximalNodes(in: shards[$0]) }
        let successor = order[(place + 1) % ranks]
        let predecessor = order[(place + ranks - 1) % ranks]
        return Plan(
            (0..<ranks).flatMap { owner -> [Plan.Stage] in
                let elements = slice(owner)
                // The slice starts behind its owner and ends there.
                let before = (place + ranks - owner - 1) % ranks
                let passed = tree.merged((0..<before).flatMap { nodes[(owner + 1 + $0) % ranks] })
                let gathering = Gathering(
                    own: nodes[place], received: passed.map { .init(.reduceScatter, $0, peer: predecessor) })
                let isLast = (place + 1) % ranks == owner || ranks == 1
                var sends = isLast ? [] : [Plan.Transfer(.allGather, tree.root, peer: successor)]
                if place == 0 { sends += shards.idle.map { .init(.broadcast, tree.root, peer: $0) } }
                if place == owner {
                    return [gathering.stage(on: elements, to: tree.root, sends: sends)]
                }
                let result = Plan.Stage(
                    elements, receives: [.init(.allGather, tree.root, peer: predecessor)], result: tree.root,
                    operands: [tree.root], sends: sends)
                return gathering.stages(on: elements, passingTo: successor, in: tree, as: .reduceScatter) + [result]
            })
    }
}
