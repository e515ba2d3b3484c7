import Messaging

/// Sums small private memory of a host's workers, who together have all shards, through slots of the memory they share.
///
/// Each worker writes its partial sums to its slot and adds up for itself what it reads of the others', packet by packet.
///
/// - Determinism: every element is summed up the shard tree.
final class SlotSum {
    private let arena: HostArena
    /// This worker's place on the host.
    private let index: Int
    private let members: Int
    /// From which worker's which partial sum the whole is formed.
    private let operands: [(member: Int, part: Int)]
    private let tree: TreeSum
    /// The other worker, if all there is to do is to add its partial sum and this worker's.
    private let pair: (other: Int, otherIsLeft: Bool)?
    /// The workers without shards, who must be waited for like the others: they may still read the slots of the last sum.
    private let readers: [Int]
    /// How many packets a partial sum has in a slot, and how many elements are in those.
    private let packets, elements: Int
    private let patience: Patience
    /// Room for what others' slots hold, and for sums within the tree.
    private let collected, scratch: UnsafeMutablePointer<Float>
    private var sources: [UnsafeRawPointer] = []
    private var stack: [UnsafeRawPointer] = []
    private var number: UInt32 = 0

    /// - Parameters:
    ///   - arena: The host's memory.
    ///   - index: This worker's place on the host.
    ///   - shards: For each worker of the host its shards, together all of `tree`.
    ///   - tree: The shard tree.
    ///   - patience: How long a worker that waits stays awake.
    init(_ arena: HostArena, index: Int, shards: [Range<Int>], tree: ShardTree, patience: Patience) {
        self.arena = arena
        self.index = index
        self.patience = patience
        members = shards.count
        let nodes = shards.map { tree.maximalNodes(in: $0) }
        let parts = nodes.enumerated().flatMap { member, nodes in
            nodes.enumerated().map { (member: member, part: $0.offset, node: $0.element) }
        }
        let operands = parts.map { ($0.member, $0.part) }
        self.operands = operands
        self.tree = TreeSum(to: tree.root, from: parts.map(\.node))
        readers = nodes.indices.filter { nodes[$0].isEmpty && $0 != index }
        packets = HostArena.slotBytes / SlotPackets.packetBytes / max(nodes.map(\.count).max() ?? 1, 1)
        elements = packets * SlotPackets.packetElements
        if shards.count == 2, operands.count == 2, nodes[index].count == 1 {
            pair = (1 - index, operands[0].0 != index)
        } else {
            pair = nil
        }
        collected = .allocate(capacity: operands.count * elements)
        scratch = .allocate(capacity: max(self.tree.scratchBlocks, 1) * TreeSum.block)
    }

    deinit {
        collected.deallocate()
        scratch.deallocate()
    }

    /// For whom this worker waits.
    var missing: [Int] { (0..<members).filter { $0 != index && !arena.handed($0).hasReached(number) } }

    /// Sums `count` elements of private memory, which is free when this returns.
    ///
    /// - Parameters:
    ///   - partials: This worker's partial sums, in the order of their nodes.
    ///   - result: Where the sum goes; may be one of the partial sums.
    func sum(
        _ partials: [UnsafeMutablePointer<Float>], count: Int, into result: UnsafeMutablePointer<Float>,
        _ check: () throws(CollectiveError) -> Void
    ) throws(CollectiveError) {
        for start in stride(from: 0, to: max(count, 1), by: elements) {
            let length = min(elements, count - start)
            number &+= 1
            for (part, partial) in partials.enumerated() {
                slot(part, of: index).write(partial + start, count: length, number: number)
            }
            if partials.isEmpty { slot(0, of: index).write(result, count: 0, number: number) }
            if let pair {
                let slot = slot(0, of: pair.other)
                let own = partials[0] + start
                for packet in 0..<SlotPackets.packets(for: length) {
                    if !slot.holds(packet, of: number) { try wait(for: packet, of: slot, pair.other, check) }
                    slot.add(packet, of: length, isLeft: pair.otherIsLeft, to: own, into: result + start)
                }
            } else {
                try collect(partials, from: start, count: length, check)
                tree.run(sources, into: result + start, count: length, scratch: scratch, stack: &stack)
            }
            arena.handed(index).advance(to: number)
        }
    }

    /// Brings together what is to be added up.
    private func collect(
        _ partials: [UnsafeMutablePointer<Float>], from start: Int, count: Int,
        _ check: () throws(CollectiveError) -> Void
    ) throws(CollectiveError) {
        sources.removeAll(keepingCapacity: true)
        for (place, (member, part)) in operands.enumerated() {
            if member == index {
                sources.append(partials[part] + start)
                continue
            }
            let slot = slot(part, of: member)
            let copy = collected + place * elements
            for packet in 0..<SlotPackets.packets(for: count) {
                if !slot.holds(packet, of: number) { try wait(for: packet, of: slot, member, check) }
                slot.copy(packet, of: count, into: copy)
            }
            sources.append(copy)
        }
        for member in readers {
            let slot = slot(0, of: member)
            if !slot.holds(0, of: number) { try wait(for: 0, of: slot, member, check) }
        }
    }

    /// Where partial sum `part` of `member` passes in the current sum; two slots take turns.
    private func slot(_ part: Int, of member: Int) -> SlotPackets {
        SlotPackets(at: arena.slot(member, turn: Int(number & 1)) + part * packets * SlotPackets.packetBytes)
    }

    private func wait(
        for packet: Int, of slot: SlotPackets, _ member: Int, _ check: () throws(CollectiveError) -> Void
    ) throws(CollectiveError) {
        let number = number
        if patience.watch({ slot.holds(packet, of: number) }) { return }
        // Whoever sleeps is woken by the other's counter, which moves after its packets; so this one's must move now.
        arena.handed(index).advance(to: number)
        while !arena.handed(member).sleep(until: number, atMost: SharedCounter.nap) { try check() }
    }
}
