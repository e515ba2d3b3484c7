/// Memory for the partial sums and the result of an all-reduce, where sums copy the least.
///
/// Workers of one host see each other's part of it, so partial sums are added where they are. Made by
/// `AllReduceGroup.makeMemory`; it lasts as long as the group.
///
/// Where sums take the place of partial sums, workers must not write to those that others still read. So sums come in
/// turns: `beginTurn` hands out the blocks anew, without those in which the result of the turn before lies.
///
/// Confined to the thread that computes, but for the reads of other workers while a sum is under way.
public final class GradientMemory {
    /// The floats of a block and of the result.
    public let elements: Int
    /// The result of the turn's sums.
    ///
    /// On a shared host it is there once for all workers, so nobody else may write it.
    public var result: UnsafeMutablePointer<Float> { results[turn] }
    /// The results of either turn, or the one of all.
    public let results: [UnsafeMutablePointer<Float>]
    /// Which of `results` is the turn's.
    public private(set) var turn = 0
    /// Whether other workers of this host see the memory.
    public var isShared: Bool { host != nil }
    let host: HostSum?
    /// Sums private memory, on a host that has all shards.
    let slots: SlotSum?
    private let blocks: [UnsafeMutablePointer<Float>]
    private let owned: UnsafeMutablePointer<Float>?
    private var taken = 0

    /// Memory of this process alone; where nobody else has shards its only block is the result.
    init(elements: Int, blocks count: Int, isAlone: Bool) {
        // Each block starts at a cache line.
        let stride = (max(elements, 1) + 15) / 16 * 16
        let places = isAlone && count == 1 ? 1 : count + 1
        let memory = UnsafeMutableRawPointer.allocate(byteCount: places * stride * 4, alignment: 64)
            .bindMemory(to: Float.self, capacity: places * stride)
        memory.update(repeating: 0, count: places * stride)
        self.elements = elements
        host = nil
        slots = nil
        owned = memory
        results = [memory + (places - 1) * stride]
        blocks = (0..<count).map { memory + $0 * stride }
    }

    /// Memory in the host's arena.
    init(_ host: HostSum, slots: SlotSum?) {
        let arena = host.arena
        self.host = host
        self.slots = slots
        owned = nil
        elements = arena.layout.elements
        results =
            host.overwritesPartials
            ? [arena.view(turn: 0), arena.view(turn: 1)] : [arena.result(arena.layout.results - 1)]
        blocks = (0..<arena.layout.blocks[host.index]).map { arena.block($0, of: host.index) }
    }

    deinit { owned?.deallocate() }

    /// Begins a round of sums, such as a step: all blocks can be taken again, and the last turn's result stays until the
    /// next turn.
    ///
    /// Every worker calls it between the same sums.
    public func beginTurn() {
        taken = 0
        guard let host, host.overwritesPartials else { return }
        turn = 1 - turn
        host.turn = turn
    }

    /// Room for the gradients of a shard, zero at first; there are as many blocks as a worker's fold has open at a time.
    ///
    /// - Precondition: `FoldOrder.openPartials` blocks have not been taken yet.
    public func takeBlock() -> UnsafeMutablePointer<Float> {
        // The other turn's sums lie in the block of its number.
        let free = results.count == 1 ? blocks : blocks.indices.filter { $0 != 1 - turn }.map { blocks[$0] }
        precondition(taken < free.count, "all \(free.count) blocks of gradients are taken")
        taken += 1
        return free[taken - 1]
    }

    /// This worker's nodes whose partial sums were not finite, once the turn's sums are there; nil where sums leave
    /// partial sums as they are, which say it themselves.
    ///
    /// Until `AllReduceGroup.meet` has returned, other workers' partial sums are read.
    public func nodesNotFinite() -> [ShardNode]? { host.flatMap { $0.overwritesPartials ? $0.nodesNotFinite() : nil } }
}
