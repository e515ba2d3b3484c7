/// A node of the tree over shards: the sum of the shards `lower ..< upper`.
public struct ShardNode: Hashable, Sendable, CustomStringConvertible {
    /// The first shard.
    public let lower: Int
    /// One past the last shard.
    public let upper: Int

    /// The node that sums the shards `lower ..< upper`.
    public init(_ lower: Int, _ upper: Int) {
        precondition(0 <= lower && lower < upper, "a node holds at least one shard: \(lower)..<\(upper)")
        self.lower = lower
        self.upper = upper
    }

    /// The number of shards.
    public var count: Int { upper - lower }

    /// Whether the node is a single shard.
    public var isLeaf: Bool { count == 1 }

    /// The two nodes whose sum this one is, left + right in that order; nil for a leaf.
    ///
    /// The left one takes the largest power of two of shards below the count, so that aligned blocks are nodes.
    public var children: (left: ShardNode, right: ShardNode)? {
        if isLeaf { return nil }
        let split = lower + 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
        return (ShardNode(lower, split), ShardNode(split, upper))
    }

    /// Whether all of the node's shards lie in `range`.
    public func isWithin(_ range: Range<Int>) -> Bool { lower >= range.lowerBound && upper <= range.upperBound }

    /// The node as in `shards 0..<4`.
    public var description: String { "shards \(lower)..<\(upper)" }
}

/// The fixed binary tree in which the gradients of a global batch's shards are summed.
///
/// - Determinism: the tree depends on the number of shards alone, so whoever computes which shard, and wherever the sums
///   are formed, the result has the same bits.
public struct ShardTree: Hashable, Sendable {
    /// The number of shards of a global batch.
    public let shards: Int

    /// The tree over `shards` shards, at least one.
    public init(shards: Int) {
        precondition(shards > 0, "a batch has at least one shard")
        self.shards = shards
    }

    /// The sum of all shards.
    public var root: ShardNode { ShardNode(0, shards) }

    /// Whether `node` is one of the tree's.
    public func contains(_ node: ShardNode) -> Bool {
        var current = root
        while current != node {
            guard node.lower >= current.lower, node.upper <= current.upper, let children = current.children else {
                return false
            }
            current = node.lower < children.left.upper ? children.left : children.right
        }
        return true
    }

    /// The node of which `node` is a child; nil for the root.
    public func parent(of node: ShardNode) -> ShardNode? {
        var current = root
        while let children = current.children {
            if children.left == node || children.right == node { return current }
            current = node.lower < children.left.upper ? children.left : children.right
        }
        return nil
    }

    /// The fewest nodes that together hold exactly the shards of `range`, from left to right.
    public func maximalNodes(in range: Range<Int>) -> [ShardNode] {
        var nodes: [ShardNode] = []
        collect(root, in: range, into: &nodes)
        return nodes
    }

    private func collect(_ node: ShardNode, in range: Range<Int>, into nodes: inout [ShardNode]) {
        if node.isWithin(range) {
            nodes.append(node)
        } else if node.lower < range.upperBound, node.upper > range.lowerBound, let children = node.children {
            collect(children.left, in: range, into: &nodes)
            collect(children.right, in: range, into: &nodes)
        }
    }

    /// The contiguous shards of each of `workers` workers: worker r owns r·S/W ..< (r + 1)·S/W.
    public func evenRanges(workers: Int) -> [Range<Int>] {
        precondition(workers > 0 && workers <= shards, "\(workers) workers cannot share \(shards) shards")
        return (0..<workers).map { $0 * shards / workers..<($0 + 1) * shards / workers }
    }
}
