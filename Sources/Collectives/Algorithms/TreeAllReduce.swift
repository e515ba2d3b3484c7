/// Sums travel up the shard tree to the rank with shard 0, and the result travels down the same way.
///
/// About 2·log₂ P steps. A rank sends and receives whole buckets, so this suits small ones among many ranks: P − 1
/// messages each way in all, where `direct` needs P·(P − 1).
public struct TreeAllReduce: AllReduceAlgorithm {
    /// `tree`.
    public static let name = "tree"

    /// Makes the algorithm, which has no settings.
    public init() {}

    /// A stage for each partial sum that the rank passes on, and one in which it gets or forms the result.
    public func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan {
        let layout = Layout(shards: shards, tree: tree)
        var stages: [Plan.Stage] = []
        for node in layout.passedOn(by: rank) {
            let target = layout.parentOwner(of: node)
            let sends = [Plan.Transfer(.reduce, node, peer: target)]
            if node.isWithin(shards[rank]) {
                stages.append(.init(0..<count, sends: sends))
            } else {
                stages.append(layout.sum(to: node, at: rank, count: count, sends: sends))
            }
        }
        let informed = layout.informers.enumerated().filter { $0.element == rank && $0.offset != rank }
        let sends = informed.map { Plan.Transfer(.broadcast, tree.root, peer: $0.offset) }
        if layout.owner(of: tree.root) == rank {
            stages.append(layout.sum(to: tree.root, at: rank, count: count, sends: sends))
        } else {
            let source = Plan.Transfer(.broadcast, tree.root, peer: layout.informers[rank])
            stages.append(
                .init(0..<count, receives: [source], result: tree.root, operands: [tree.root], sends: sends))
        }
        return Plan(stages)
    }

    /// Who forms which node: the rank with its first shard.
    private struct Layout {
        let shards: [Range<Int>]
        let tree: ShardTree
        /// For each rank, the one that tells it the result; itself for the root's owner.
        private(set) var informers: [Int]
        /// The right children whose sum travels to another rank, from left to right.
        private var travelling: [ShardNode] = []

        init(shards: [Range<Int>], tree: ShardTree) {
            self.shards = shards
            self.tree = tree
            let first = shards.firstIndex { $0.contains(0) } ?? 0
            // A rank without shards is told by the root's owner.
            informers = Array(repeating: first, count: shards.count)
            var known: Set = [first]
            visit(tree.root, &known)
        }

        private mutating func visit(_ node: ShardNode, _ known: inout Set<Int>) {
            let owner = owner(of: node)
            guard !node.isWithin(shards[owner]), let children = node.children else { return }
            let right = self.owner(of: children.right)
            if right != owner { travelling.append(children.right) }
            if known.insert(right).inserted { informers[right] = owner }
            visit(children.left, &known)
            visit(children.right, &known)
        }

        func owner(of node: ShardNode) -> Int { shards.firstIndex { $0.contains(node.lower) } ?? 0 }

        func parentOwner(of node: ShardNode) -> Int { tree.parent(of: node).map(owner) ?? owner(of: node) }

        func passedOn(by rank: Int) -> [ShardNode] { travelling.filter { owner(of: $0) == rank } }

        /// The stage in which `rank` forms `node` from its own partial sums and those it is sent.
        func sum(to node: ShardNode, at rank: Int, count: Int, sends: [Plan.Transfer]) -> Plan.Stage {
            var operands: [ShardNode] = []
            var receives: [Plan.Transfer] = []
            func collect(_ node: ShardNode) {
                let owner = owner(of: node)
                if owner != rank {
                    receives.append(.init(.reduce, node, peer: owner))
                    operands.append(node)
                } else if node.isWithin(shards[rank]) {
                    operands.append(node)
                } else if let children = node.children {
                    collect(children.left)
                    collect(children.right)
                }
            }
            collect(node)
            return .init(0..<count, receives: receives, result: node, operands: operands, sends: sends)
        }
    }
}
