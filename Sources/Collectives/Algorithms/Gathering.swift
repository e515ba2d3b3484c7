/// What a rank has of some elements: its own partial sums, and those that others send it.
///
/// Plans in which partial sums travel over several ranks are made of it: each rank adds what the tree allows and passes
/// on what is left.
struct Gathering {
    /// The rank's own partial sums.
    let own: [ShardNode]
    /// What comes in.
    var received: [Plan.Transfer] = []

    /// All nodes, from left to right.
    private var nodes: [ShardNode] { (own + received.map(\.node)).sorted { $0.lower < $1.lower } }

    /// Stages that add up what can be added and send all of it to `peer`.
    func stages(on range: Range<Int>, passingTo peer: Int, in tree: ShardTree, as phase: Plan.Phase) -> [Plan.Stage] {
        var stages: [Plan.Stage] = []
        var untouched: [Plan.Transfer] = []
        for node in tree.merged(nodes) {
            let transfer = Plan.Transfer(phase, node, peer: peer)
            if own.contains(node) {
                untouched.append(transfer)
            } else {
                stages.append(stage(on: range, to: node, sends: [transfer]))
            }
        }
        return untouched.isEmpty ? stages : [Plan.Stage(range, sends: untouched)] + stages
    }

    /// The stage that forms `node`, of which everything is there, and sends it on.
    func stage(on range: Range<Int>, to node: ShardNode, sends: [Plan.Transfer]) -> Plan.Stage {
        Plan.Stage(
            range, receives: received.filter { $0.node.isWithin(node.lower..<node.upper) }, result: node,
            operands: nodes.filter { $0.isWithin(node.lower..<node.upper) }, sends: sends)
    }
}

extension ShardTree {
    /// The fewest nodes that adding up makes of `nodes`, which do not overlap; from left to right.
    func merged(_ nodes: [ShardNode]) -> [ShardNode] {
        var merged: [ShardNode] = []
        for node in nodes.sorted(by: { $0.lower < $1.lower }) {
            merged.append(node)
            while let right = merged.last, merged.count > 1, let parent = parent(of: right),
                parent.children?.left == merged[merged.count - 2]
            {
                merged.removeLast(2)
                merged.append(parent)
            }
        }
        return merged
    }
}

extension Array where Element == Range<Int> {
    /// The ranks that have shards, in their order.
    var active: [Int] {
        indices.filter { !self[$0].isEmpty }.sorted { self[$0].lowerBound < self[$1].lowerBound }
    }

    /// The ranks without shards, who have nothing to bring and are told the result.
    var idle: [Int] { indices.filter { self[$0].isEmpty } }
}
