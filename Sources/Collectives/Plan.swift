/// What one rank does in an all-reduce: a pure value, the same for everybody who computes it.
///
/// Its stages do not depend on one another: a stage uses the rank's own partial sums and what it receives itself.
/// So an executor may work on all of them at once, segment by segment, as data arrives.
public struct Plan: Hashable, Sendable {
    /// The part of the algorithm that a transfer belongs to, for messages and to tell transfers apart.
    public enum Phase: UInt16, Hashable, Sendable, CustomStringConvertible {
        /// Partial sums of a slice travel to the slice's owner.
        case reduceScatter = 1
        /// Finished slices travel to everybody.
        case allGather = 2
        /// Partial sums travel up a tree of ranks.
        case reduce = 3
        /// The finished sum travels down a tree of ranks.
        case broadcast = 4

        /// The field's name of the phase.
        public var description: String {
            switch self {
            case .reduceScatter: "reduce-scatter"
            case .allGather: "all-gather"
            case .reduce: "reduce"
            case .broadcast: "broadcast"
            }
        }
    }

    /// A node's elements that go to, or come from, another rank.
    public struct Transfer: Hashable, Sendable {
        /// The part of the algorithm.
        public let phase: Phase
        /// Whose sum travels.
        public let node: ShardNode
        /// The other rank.
        public let peer: Int

        /// A transfer of `node` in `phase` to or from rank `peer`.
        public init(_ phase: Phase, _ node: ShardNode, peer: Int) {
            self.phase = phase
            self.node = node
            self.peer = peer
        }
    }

    /// Steps on one range of elements: receive, sum to `result`, send.
    public struct Stage: Hashable, Sendable {
        /// The elements.
        public let range: Range<Int>
        /// What comes in.
        public let receives: [Transfer]
        /// The node that is formed here; nil when the stage only sends partial sums of the rank's own.
        public let result: ShardNode?
        /// Where the sum starts: received nodes and own ones, from left to right, that make up `result`.
        ///
        /// They are added up the shard tree.
        public let operands: [ShardNode]
        /// What goes out: `result`, or partial sums of the rank's own.
        public let sends: [Transfer]

        /// A stage on `range`.
        public init(
            _ range: Range<Int>, receives: [Transfer] = [], result: ShardNode? = nil, operands: [ShardNode] = [],
            sends: [Transfer] = []
        ) {
            self.range = range
            self.receives = receives
            self.result = result
            self.operands = operands
            self.sends = sends
        }
    }

    /// The stages, in the order in which to prefer them.
    public let stages: [Stage]

    /// A plan of `stages`; those without elements are left out.
    public init(_ stages: [Stage]) {
        self.stages = stages.filter { !$0.range.isEmpty }
    }

    /// The plan for buckets of `count` elements of which `unit` stand for one of this plan's.
    func scaled(by unit: Int, count: Int) -> Plan {
        Plan(
            stages.map { stage in
                Stage(
                    min(stage.range.lowerBound * unit, count)..<min(stage.range.upperBound * unit, count),
                    receives: stage.receives, result: stage.result, operands: stage.operands, sends: stage.sends)
            })
    }
}
