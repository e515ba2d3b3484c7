/// Ranks exchange halves with partners at distances 1, 2, 4 …, until each has the sum of a slice, and then the other way
/// round until each has all.
///
/// Each of P ranks speaks to log₂ P others and sends as few elements as in `direct`; where their number is no power
/// of two, some give their part to a neighbour first and get the result from it. Neighbours in the order of shards meet
/// first, so that partial sums become whole nodes early and few travel.
///
/// Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, 2005.
public struct HalvingDoublingAllReduce: AllReduceAlgorithm {
    /// `halving_doubling`.
    public static let name = "halving_doubling"

    /// Makes the algorithm, which has no settings.
    public init() {}

    /// The stages of the rank's place among the powers of two, or of a rank that leaves its part to its neighbour.
    public func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan {
        let layout = Layout(shards: shards, tree: tree, count: count)
        guard let core = layout.core(of: rank) else {
            // A neighbour does this rank's part.
            let own = tree.maximalNodes(in: shards[rank])
            let peer = layout.ranks(ofCore: layout.neighbour(of: rank)).speaker
            return Plan(
                [Plan.Stage(0..<count, sends: own.map { .init(.reduce, $0, peer: peer) })]
                    + layout.arrivals(tree.root, from: peer))
        }
        return Plan(reduceScatter(core, layout) + allGather(core, layout))
    }

    /// Sends half of what is left in each round, and forms the own slice at last.
    private func reduceScatter(_ core: Int, _ layout: Layout) -> [Plan.Stage] {
        var stages: [Plan.Stage] = []
        var gathering = layout.start(of: core)
        for round in 0..<layout.rounds {
            let partner = core ^ 1 << round
            stages += gathering.stages(
                on: layout.kept(by: partner, after: round + 1), passingTo: layout.ranks(ofCore: partner).speaker,
                in: layout.tree, as: .reduceScatter)
            gathering.received += layout.nodes(of: partner, before: round).map {
                Plan.Transfer(.reduceScatter, $0, peer: layout.ranks(ofCore: partner).speaker)
            }
        }
        stages.append(
            gathering.stage(
                on: layout.slice(of: core), to: layout.tree.root,
                sends: sends(from: core, upTo: layout.rounds, layout)))
        return stages
    }

    /// Takes the other slices, each from the partner of its lowest differing bit, and passes them on to nearer ones.
    private func allGather(_ core: Int, _ layout: Layout) -> [Plan.Stage] {
        (0..<layout.cores).filter { $0 != core }.map { owner in
            let round = (owner ^ core).trailingZeroBitCount
            let source = layout.ranks(ofCore: core ^ 1 << round).speaker
            return Plan.Stage(
                layout.slice(of: owner), receives: [.init(.allGather, layout.tree.root, peer: source)],
                result: layout.tree.root, operands: [layout.tree.root],
                sends: sends(from: core, upTo: round, layout))
        }
    }

    /// To whom a finished slice goes: the partners of the rounds below `round`, and a neighbour without a part.
    private func sends(from core: Int, upTo round: Int, _ layout: Layout) -> [Plan.Transfer] {
        let root = layout.tree.root
        let partners = (0..<round).reversed().map { layout.ranks(ofCore: core ^ 1 << $0).speaker }
        let told = layout.ranks(ofCore: core).silent.map { [$0] } ?? []
        return partners.map { .init(.allGather, root, peer: $0) }
            + (told + (core == 0 ? layout.shards.idle : [])).map { .init(.broadcast, root, peer: $0) }
    }

    /// Who takes which part: `cores` of the ranks, in the order of their shards, work for themselves or for two.
    private struct Layout {
        let shards: [Range<Int>]
        let tree: ShardTree
        let count: Int
        let order: [Int]
        let rounds: Int
        var cores: Int { 1 << rounds }
        /// How many ranks leave their part to a neighbour.
        private var extra: Int { order.count - cores }

        init(shards: [Range<Int>], tree: ShardTree, count: Int) {
            self.shards = shards
            self.tree = tree
            self.count = count
            order = shards.active
            rounds = Int.bitWidth - 1 - max(order.count, 1).leadingZeroBitCount
        }

        /// The ranks of a part: the one that speaks, and the one to its left that is silent if there is one.
        func ranks(ofCore core: Int) -> (speaker: Int, silent: Int?) {
            core < extra ? (order[2 * core + 1], order[2 * core]) : (order[core + extra], nil)
        }

        /// The part of a rank that speaks; nil for the others.
        func core(of rank: Int) -> Int? { (0..<cores).first { ranks(ofCore: $0).speaker == rank } }

        /// The part that a silent rank belongs to; the first one for ranks without shards.
        func neighbour(of rank: Int) -> Int { (0..<cores).first { ranks(ofCore: $0).silent == rank } ?? 0 }

        /// The partial sums of a part before the first round.
        func start(of core: Int) -> Gathering {
            let (speaker, silent) = ranks(ofCore: core)
            let own = Gathering(own: tree.maximalNodes(in: shards[speaker]))
            guard let silent else { return own }
            let received = tree.maximalNodes(in: shards[silent]).map { Plan.Transfer(.reduce, $0, peer: silent) }
            return Gathering(own: own.own, received: received)
        }

        /// The nodes that a part has gathered before `round`: those of the 2^round parts around it.
        func nodes(of core: Int, before round: Int) -> [ShardNode] {
            let first = (core >> round) << round
            let ranges = (first..<first + 1 << round).flatMap { core in
                let (speaker, silent) = ranks(ofCore: core)
                return [speaker] + (silent.map { [$0] } ?? [])
            }.flatMap { tree.maximalNodes(in: shards[$0]) }
            return tree.merged(ranges)
        }

        /// The elements that a part still works on after `rounds` rounds.
        func kept(by core: Int, after rounds: Int) -> Range<Int> {
            var range = 0..<count
            for round in 0..<rounds {
                let middle = range.lowerBound + range.count / 2
                range = core >> round & 1 == 0 ? range.lowerBound..<middle : middle..<range.upperBound
            }
            return range
        }

        /// The elements whose sum a part forms.
        func slice(of core: Int) -> Range<Int> { kept(by: core, after: rounds) }

        /// Stages that take all slices from one rank.
        func arrivals(_ root: ShardNode, from peer: Int) -> [Plan.Stage] {
            (0..<cores).map { core in
                Plan.Stage(
                    slice(of: core), receives: [.init(.broadcast, root, peer: peer)], result: root, operands: [root])
            }
        }
    }
}
