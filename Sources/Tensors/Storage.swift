/// A block of floats with one or more tensors on it; freed into its pool, or with the owner whose memory it borrows.
final class Storage: @unchecked Sendable {  // Written only before a tensor on it is shared; see `Tensor`.
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let pool: MemoryPool?
    private let capacity: Int
    private let owner: AnyObject?

    /// `count` floats from `pool`, or from the system without one; contents undefined.
    init(count: Int, pool: MemoryPool?) {
        self.count = count
        self.pool = pool
        owner = nil
        capacity = MemoryPool.roundedCapacity(count)
        base =
            pool?.take(capacity)
            ?? UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: MemoryPool.alignment)
            .bindMemory(to: Float.self, capacity: capacity)
    }

    /// A window on memory that `owner` keeps alive.
    init(window base: UnsafeMutablePointer<Float>, count: Int, owner: AnyObject) {
        self.base = base
        self.count = count
        self.owner = owner
        pool = nil
        capacity = 0
    }

    deinit {
        if owner != nil { return }
        if let pool { pool.put(base, capacity) } else { UnsafeMutableRawPointer(base).deallocate() }
    }

    /// Whether the memory belongs to someone else, so that it must not be written through a tensor.
    var isWindow: Bool { owner != nil }
}
