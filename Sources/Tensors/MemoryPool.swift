import CLinux
import Synchronization

/// Memory for tensors and scratch: a few large pieces of memory, of which blocks are cut and to which they return.
///
/// A step in steady state takes the same blocks in the same order as the one before, so it finds all of them in memory
/// that is there already, warm and on large pages. A block is cut from the smallest gap that holds it, and joins the
/// gaps beside it when it returns; so sizes of one layer make room for those of the next. The contents of a block are
/// whatever was left in it.
public final class MemoryPool: Sendable {
    /// Blocks are aligned to a cache line, which is also one AVX-512 vector.
    public static let alignment = 64
    /// Floats of the smallest piece that is asked of the system: 256 MB, of which only what is used takes memory.
    private static let pieceCount = 1 << 26
    /// Bytes of a large page.
    private static let pageBytes = 1 << 21

    /// A piece of memory and its gaps.
    private struct Piece: @unchecked Sendable {  // The pool is the only owner of the memory between blocks.
        let base: UnsafeMutablePointer<Float>
        let count: Int
        var gaps: Gaps
        /// How far blocks have ever reached.
        var reach = 0
    }

    private let pieces = Mutex<[Piece]>([])

    /// Makes an empty pool.
    public init() {}

    deinit {
        pieces.withLock { pieces in
            for piece in pieces { UnsafeMutableRawPointer(piece.base).deallocate() }
            pieces = []
        }
    }

    /// Bytes in which there ever was a block; steady once a step has been taken.
    public var usedBytes: Int { pieces.withLock { $0.reduce(0) { $0 + $1.reach * 4 } } }

    /// A block with room for `capacity` floats, a number from `roundedCapacity`.
    func take(_ capacity: Int) -> UnsafeMutablePointer<Float> {
        pieces.withLock { pieces in
            for index in pieces.indices {
                guard let start = pieces[index].gaps.take(capacity) else { continue }
                pieces[index].reach = max(pieces[index].reach, start + capacity)
                return pieces[index].base + start
            }
            let count = max(capacity, Self.pieceCount)
            let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: Self.pageBytes)
            linux_use_large_pages(memory, count * 4)
            var piece = Piece(
                base: memory.bindMemory(to: Float.self, capacity: count), count: count, gaps: Gaps(count: count))
            // The first block of a new piece lies at its start.
            _ = piece.gaps.take(capacity)
            piece.reach = capacity
            pieces.append(piece)
            return piece.base
        }
    }

    /// Gives back a block that `take(capacity)` handed out.
    func put(_ base: UnsafeMutablePointer<Float>, _ capacity: Int) {
        let block = SharedPointer(base)
        pieces.withLock { pieces in
            for index in pieces.indices {
                let start = block.base - pieces[index].base
                if start >= 0 && start < pieces[index].count {
                    return pieces[index].gaps.put(start..<start + capacity)
                }
            }
        }
    }

    /// `count` rounded up to whole cache lines, and five more behind large blocks: most sizes are powers of two, and
    /// elements of equal place in neighbouring blocks should not fall into the same sets of the cache.
    static func roundedCapacity(_ count: Int) -> Int {
        (max(count, 1) + 15) / 16 * 16 + (count >= 1024 ? 5 * 16 : 0)
    }
}
