import Synchronization

/// Keeps freed blocks of floats for reuse, so that a step in steady state allocates nothing and touches warm pages.
///
/// Blocks are handed out by rounded size; the contents of a reused block are whatever was left in it.
public final class MemoryPool: Sendable {
    private struct Block: @unchecked Sendable {  // The pool is the only owner of a free block.
        let base: UnsafeMutablePointer<Float>
    }

    /// Blocks are aligned to a cache line, which is also one AVX-512 vector.
    public static let alignment = 64
    private let free = Mutex<[Int: [Block]]>([:])

    /// Makes an empty pool.
    public init() {}

    deinit {
        free.withLock { lists in
            for block in lists.values.joined() { block.base.deallocate() }
            lists = [:]
        }
    }

    /// A block with room for `capacity` floats, a number from `roundedCapacity`.
    func take(_ capacity: Int) -> UnsafeMutablePointer<Float> {
        if let block = free.withLock({ $0[capacity]?.popLast() }) { return block.base }
        return UnsafeMutableRawPointer.allocate(byteCount: capacity * 4, alignment: Self.alignment)
            .bindMemory(to: Float.self, capacity: capacity)
    }

    /// Gives back a block that `take(capacity)` handed out.
    func put(_ base: UnsafeMutablePointer<Float>, _ capacity: Int) {
        let block = Block(base: base)
        free.withLock { $0[capacity, default: []].append(block) }
    }

    /// `count` rounded up so that ragged last batches reuse the blocks of full ones: at most an eighth is wasted.
    static func roundedCapacity(_ count: Int) -> Int {
        let floor = max(count, 16)
        let step = max(16, (1 << (Int.bitWidth - floor.leadingZeroBitCount - 1)) / 8)
        return (floor + step - 1) / step * step
    }
}
