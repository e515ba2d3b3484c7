/// Memory for the partial sums and the result of an all-reduce, where sums copy the least.
///
/// Workers of one host see each other's part of it, so partial sums are added where they are. Made by
/// `AllReduceGroup.makeMemory`; it lasts as long as the group.
///
/// Confined to the thread that computes, but for the reads of other workers while a sum is under way.
public final class GradientMemory {
    /// The floats of a block and of the result.
    public let elements: Int
    /// The result of all sums.
    ///
    /// On a shared host it is there once for all workers, so nobody else may write it.
    public let result: UnsafeMutablePointer<Float>
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
        result = memory + (places - 1) * stride
        blocks = (0..<count).map { memory + $0 * stride }
    }

    /// Memory in the host's arena.
    init(_ host: HostSum, slots: SlotSum?) {
        let arena = host.arena
        self.host = host
        self.slots = slots
        owned = nil
        elements = arena.layout.elements
        result = arena.result(arena.layout.results - 1)
        blocks = (0..<arena.layout.blocks[host.index]).map { arena.block($0, of: host.index) }
    }

    deinit { owned?.deallocate() }

    /// Room for the gradients of a shard, zero at first; there are as many blocks as a worker's fold has open at a time.
    ///
    /// - Precondition: `FoldOrder.openPartials` blocks have not been taken yet.
    public func takeBlock() -> UnsafeMutablePointer<Float> {
        precondition(taken < blocks.count, "all \(blocks.count) blocks of gradients are taken")
        taken += 1
        return blocks[taken - 1]
    }
}
