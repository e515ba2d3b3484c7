import Messaging

/// Sums the partial sums of a host's workers in the memory that they share.
///
/// A sum of blocks that lie in the arena copies nothing: each worker says where its partial sums are, and whoever is
/// awake adds part after part into the result, or stripe after stripe in the place of its owner's partial sums.
///
/// - Determinism: every element is summed up the shard tree, whoever does it.
final class HostSum {
    /// A node that the host forms, from which worker's which partial sum.
    private struct Formation {
        let sum: TreeSum
        let operands: [(member: Int, node: Int)]
        /// The result that takes it; nil when it is one worker's partial sum already.
        let result: Int?
    }

    /// Called again and again while a worker waits; throws to end the wait.
    typealias Check = () throws(CollectiveError) -> Void

    let arena: HostArena
    /// This worker's place on the host.
    let index: Int
    /// The nodes that the host forms: the fewest that cover its shards.
    let nodes: [ShardNode]
    private let memberNodes: [[ShardNode]]
    private let formations: [Formation]
    private let scratch: UnsafeMutablePointer<Float>
    private let patience: Patience
    private var sequence: UInt32 = 0
    /// The number of the sum that this worker has last said to be there.
    private var announced: UInt32 = 0
    private var partsDone: UInt32 = 0
    /// Into which of its blocks each worker sums where sums take the place of partial sums, 0 or 1; the same for all.
    var turn = 0
    private var stack: [UnsafeRawPointer] = []
    private var operands: [UnsafeRawPointer] = []

    /// - Parameters:
    ///   - arena: The host's memory, with a result for each of `nodes`, and one more when there are other hosts.
    ///   - index: This worker's place on the host.
    ///   - shards: For each worker of the host its shards.
    ///   - tree: The shard tree.
    ///   - patience: How long a worker that waits stays awake.
    init(
        _ arena: HostArena, index: Int, shards: [Range<Int>], nodes: [ShardNode], tree: ShardTree,
        patience: Patience
    ) {
        self.arena = arena
        self.patience = patience
        self.index = index
        self.nodes = nodes
        memberNodes = shards.map { tree.maximalNodes(in: $0) }
        let owned = memberNodes.enumerated().flatMap { member, nodes in
            nodes.enumerated().map { (member: member, index: $0.offset, node: $0.element) }
        }
        formations = nodes.enumerated().map { number, node in
            let parts = owned.filter { $0.node.isWithin(node.lower..<node.upper) }
            let isFormed = parts.count == 1
            return Formation(
                sum: TreeSum(to: node, from: parts.map(\.node)), operands: parts.map { ($0.member, $0.index) },
                result: isFormed && nodes != [tree.root] ? nil : number)
        }
        let blocks = formations.map(\.sum.scratchBlocks).max() ?? 0
        scratch = .allocate(capacity: max(blocks, 1) * TreeSum.block)
    }

    deinit { scratch.deallocate() }

    /// For whom this worker waits: those who have not brought their partial sums yet, those whose part of the work is
    /// missing, or the one that speaks to other hosts.
    var missing: [Int] {
        let others = memberNodes.indices.filter { $0 != index }
        let away = others.filter { !arena.arrived($0).hasReached(sequence) }
        if !away.isEmpty { return away }
        let working = others.filter { !arena.worked($0).hasReached(sequence) }
        return working.isEmpty ? [0] : working
    }

    /// Whether sums take the place of partial sums; then the host forms the root alone.
    var overwritesPartials: Bool { arena.layout.results == 0 }

    /// Where the elements of `nodes` are once `form` has returned.
    func sources() -> [ShardNode: UnsafeMutablePointer<Float>] {
        var sources: [ShardNode: UnsafeMutablePointer<Float>] = [:]
        for (node, formation) in zip(nodes, formations) {
            if let result = formation.result {
                sources[node] = arena.result(result)
            } else {
                let (member, number) = formation.operands[0]
                sources[node] = address(of: number, member: member)
            }
        }
        return sources
    }

    /// Says that the elements of the next `form` are there, so that others need not wait until this worker comes.
    func announce(_ partials: [ShardNode: UnsafeMutablePointer<Float>]) {
        guard announced == sequence else { return }
        let offsets = arena.offsets(index)
        for (number, node) in memberNodes[index].enumerated() {
            guard let partial = partials[node] else { preconditionFailure("the partial sum of \(node) is missing") }
            let offset = UnsafeRawPointer(partial) - UnsafeRawPointer(arena.region.base)
            precondition((0..<arena.layout.byteCount).contains(offset), "the partial sum of \(node) is not shared")
            offsets[number] = UInt64(offset)
        }
        announced = sequence &+ 1
        arena.arrived(index).advance(to: announced)
    }

    /// Forms the host's nodes on the elements `range` of blocks that lie in the arena.
    func form(
        _ partials: [ShardNode: UnsafeMutablePointer<Float>], _ range: Range<Int>, rounding encoding: WireEncoding,
        _ check: Check
    ) throws(CollectiveError) {
        announce(partials)
        sequence &+= 1
        for member in memberNodes.indices where member != index {
            try wait(for: arena.arrived(member), sequence, check)
        }
        let parts = overwritesPartials ? addStripes(of: range, encoding) : addParts(of: range, encoding)
        arena.worked(index).advance(to: sequence)
        partsDone &+= parts
        try wait(for: arena.summed, partsDone, check)
    }

    /// Adds parts of `range` into the results as long as there are any; their number.
    private func addParts(of range: Range<Int>, _ encoding: WireEncoding) -> UInt32 {
        let grain = grain(range.count)
        let count = (range.count + grain - 1) / grain
        while let part = arena.parts.take(of: sequence, count: count) {
            let lower = range.lowerBound + part * grain
            for formation in formations {
                guard let result = formation.result else { continue }
                add(formation, lower..<min(lower + grain, range.upperBound), into: arena.result(result), encoding)
            }
            arena.summed.add(1)
        }
        return UInt32(count)
    }

    /// Adds stripes of `range` into the blocks of their owners, this worker's first; their number.
    private func addStripes(of range: Range<Int>, _ encoding: WireEncoding) -> UInt32 {
        precondition(
            encoding == .float32 || range.lowerBound % WireEncoding.block == 0,
            "a stripe would cut what is rounded together")
        let stripes = arena.layout.stripes
        var (count, done): (UInt32, UInt32) = (0, 0)
        for distance in memberNodes.indices {
            let owner = (index + distance) % memberNodes.count
            let share = stripes.share(of: owner, in: range)
            while let part = arena.stripes(owner).take(of: sequence, count: share.count) {
                let elements = stripes.elements(of: share.first + part * memberNodes.count).clamped(to: range)
                add(formations[0], elements, into: arena.block(turn, of: owner), encoding)
                done += 1
            }
            count += UInt32(share.count)
        }
        // All at once: the counter's line goes to and fro between the workers.
        if done > 0 { arena.summed.add(done) }
        return count
    }

    /// Elements of one part: small enough that all take part, large enough that taking it costs nothing.
    private func grain(_ count: Int) -> Int {
        let even = count / (4 * memberNodes.count) / TreeSum.block * TreeSum.block
        return min(max(even, 4 * TreeSum.block), 64 * TreeSum.block)
    }

    private func add(
        _ formation: Formation, _ range: Range<Int>, into sum: UnsafeMutablePointer<Float>, _ encoding: WireEncoding
    ) {
        operands.removeAll(keepingCapacity: true)
        for (member, number) in formation.operands {
            operands.append(UnsafeRawPointer(address(of: number, member: member) + range.lowerBound))
        }
        formation.sum.run(
            operands, into: sum + range.lowerBound, count: range.count, rounding: encoding, scratch: scratch,
            stack: &stack)
    }

    /// This worker's nodes whose partial sums are not finite, where the last sum took the place of some.
    ///
    /// What it replaced was not finite if the sum is not and all others that went into it are.
    func nodesNotFinite() -> [ShardNode] {
        let (elements, stripes) = (arena.layout.elements, arena.layout.stripes)
        let target = arena.block(turn, of: index)
        return memberNodes[index].enumerated().filter { number, _ in
            let own = address(of: number, member: index)
            let others = formations[0].operands.filter { $0 != (index, number) }.map {
                address(of: $0.node, member: $0.member)
            }
            return stripes.all.contains { stripe in
                let range = stripes.elements(of: stripe).clamped(to: 0..<elements)
                guard own == target && stripes.owner(of: stripe) == index else {
                    return range.contains { !own[$0].isFinite }
                }
                return range.contains { element in
                    !own[element].isFinite && others.allSatisfy { $0[element].isFinite }
                }
            }
        }.map(\.element)
    }

    private func address(of number: Int, member: Int) -> UnsafeMutablePointer<Float> {
        (arena.region.base + Int(arena.offsets(member)[number])).assumingMemoryBound(to: Float.self)
    }

    // MARK: Between hosts

    /// Tells the host's workers that the result of the sum over all hosts is there.
    func release() { arena.released.advance(to: sequence) }

    /// Waits for `release` on another worker.
    func waitForRelease(_ check: Check) throws(CollectiveError) { try wait(for: arena.released, sequence, check) }

    private func wait(for counter: SharedCounter, _ target: UInt32, _ check: Check) throws(CollectiveError) {
        if patience.watch({ counter.hasReached(target) }) { return }
        while !counter.sleep(until: target, atMost: SharedCounter.nap) { try check() }
    }
}
