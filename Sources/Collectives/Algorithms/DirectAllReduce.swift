/// Each rank owns a slice of the elements: it gets everybody's partial sums of it, adds them, and sends the result to all.
///
/// Two steps whatever the number of ranks P. With one node for each rank and N elements a rank sends and receives
/// 2·N·(P − 1)/P elements, rounded up to whole slices, which is the least possible.
public struct DirectAllReduce: AllReduceAlgorithm {
    /// `direct`.
    public static let name = "direct"

    /// Makes the algorithm, which has no settings.
    public init() {}

    /// Stages that send own partial sums to the other slices' owners, one that reduces the own slice, and stages that
    /// take the finished slices; each rank starts with its successor, so that no rank is everybody's first.
    public func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan {
        let ranks = shards.count
        let others = (1..<max(ranks, 1)).map { (rank + $0) % ranks }
        let nodes = shards.map { tree.maximalNodes(in: $0) }
        func slice(_ owner: Int) -> Range<Int> { owner * count / ranks..<(owner + 1) * count / ranks }

        let scatter = others.map { peer in
            Plan.Stage(slice(peer), sends: nodes[rank].map { .init(.reduceScatter, $0, peer: peer) })
        }
        let reduce = Plan.Stage(
            slice(rank),
            receives: others.flatMap { peer in nodes[peer].map { .init(.reduceScatter, $0, peer: peer) } },
            result: tree.root, operands: nodes.flatMap { $0 },
            sends: others.map { .init(.allGather, tree.root, peer: $0) })
        let gather = others.map { peer in
            Plan.Stage(
                slice(peer), receives: [.init(.allGather, tree.root, peer: peer)], result: tree.root,
                operands: [tree.root])
        }
        return Plan(scatter + [reduce] + gather)
    }
}
