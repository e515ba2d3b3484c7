/// The order in which a worker folds the gradients of its shards, computed from left to right, to its maximal nodes.
///
/// After each shard, `additions(after:)` tells which partial sums to add; what is left at the end are exactly the
/// `nodes`. The caller keeps one block of memory for each open partial sum, at most `openPartials`.
public struct FoldOrder: Sendable {
    /// One addition: `parent` = `left` + `right`; the memory of `left` can hold the result.
    public struct Addition: Hashable, Sendable {
        /// The partial sum that stays open, as the parent.
        public let left: ShardNode
        /// The partial sum that is used up.
        public let right: ShardNode
        /// The sum of both.
        public let parent: ShardNode
    }

    /// The worker's shards.
    public let range: Range<Int>
    /// The maximal nodes, which are left at the end.
    public let nodes: [ShardNode]
    /// The largest number of partial sums that exist at the same time.
    public let openPartials: Int
    private let additions: [[Addition]]

    /// The order for the shards `range` of `tree`.
    public init(_ tree: ShardTree, range: Range<Int>) {
        self.range = range
        nodes = tree.maximalNodes(in: range)
        var open = 0
        var most = 0
        additions = range.map { shard in
            var steps: [Addition] = []
            var node = ShardNode(shard, shard + 1)
            while let parent = tree.parent(of: node), parent.isWithin(range), let children = parent.children,
                children.right == node
            {
                steps.append(Addition(left: children.left, right: node, parent: parent))
                node = parent
            }
            open += 1
            most = max(most, open)
            open -= steps.count
            return steps
        }
        openPartials = most
    }

    /// What to add, in order, once the gradient of `shard` is there.
    public func additions(after shard: Int) -> [Addition] { additions[shard - range.lowerBound] }
}
