import Collectives
import Tensors
import Testing

@Suite("Shard tree")
struct ShardTreeTests {
    @Test("a node splits at the largest power of two below its count")
    func children() {
        #expect(ShardNode(0, 1).children == nil)
        for (node, split) in [(ShardNode(0, 2), 1), (ShardNode(0, 3), 2), (ShardNode(0, 8), 4), (ShardNode(8, 13), 12)]
        {
            #expect(node.children?.left == ShardNode(node.lower, split))
            #expect(node.children?.right == ShardNode(split, node.upper))
        }
    }

    @Test("aligned blocks of a power of two are nodes of every tree that holds them")
    func alignedBlocks() {
        for shards in 1...40 {
            let tree = ShardTree(shards: shards)
            for size in [1, 2, 4, 8, 16, 32] {
                for lower in stride(from: 0, through: shards - size, by: size) {
                    #expect(tree.contains(ShardNode(lower, lower + size)))
                }
            }
            #expect(!tree.contains(ShardNode(0, shards + 1)))
            if shards > 2 { #expect(!tree.contains(ShardNode(1, 3))) }
        }
    }

    @Test("every node but the root is a child of its parent")
    func parents() {
        for shards in 1...20 {
            let tree = ShardTree(shards: shards)
            #expect(tree.parent(of: tree.root) == nil)
            var open = [tree.root]
            while let node = open.popLast() {
                guard let children = node.children else { continue }
                #expect(tree.parent(of: children.left) == node)
                #expect(tree.parent(of: children.right) == node)
                open += [children.left, children.right]
            }
        }
    }

    @Test("maximal nodes cover exactly their range, and no two of them could be one")
    func maximalNodes() {
        for shards in 1...20 {
            let tree = ShardTree(shards: shards)
            for lower in 0...shards {
                for upper in lower...shards {
                    let nodes = tree.maximalNodes(in: lower..<upper)
                    #expect(nodes.flatMap { Array($0.lower..<$0.upper) } == Array(lower..<upper))
                    for node in nodes {
                        #expect(tree.contains(node))
                        #expect(tree.parent(of: node)?.isWithin(lower..<upper) != true)
                    }
                }
            }
        }
    }

    @Test("even ranges partition the shards and leave nobody without one")
    func evenRanges() {
        for shards in 1...40 {
            for workers in 1...shards {
                let ranges = ShardTree(shards: shards).evenRanges(workers: workers)
                #expect(ranges.flatMap { Array($0) } == Array(0..<shards))
                #expect(ranges.allSatisfy { !$0.isEmpty })
            }
        }
    }

    @Test("folding shard by shard adds children to parents and ends with the maximal nodes")
    func foldOrder() {
        for shards in 1...20 {
            let tree = ShardTree(shards: shards)
            for lower in 0..<shards {
                for upper in (lower + 1)...shards {
                    let order = FoldOrder(tree, range: lower..<upper)
                    var open: [ShardNode] = []
                    var most = 0
                    for shard in lower..<upper {
                        open.append(ShardNode(shard, shard + 1))
                        most = max(most, open.count)
                        for addition in order.additions(after: shard) {
                            #expect(addition.parent.children?.left == addition.left)
                            #expect(addition.parent.children?.right == addition.right)
                            #expect(open.suffix(2) == [addition.left, addition.right])
                            open.removeLast(2)
                            open.append(addition.parent)
                        }
                    }
                    #expect(open == order.nodes)
                    #expect(order.nodes == tree.maximalNodes(in: lower..<upper))
                    #expect(order.openPartials == most)
                }
            }
        }
    }
}
