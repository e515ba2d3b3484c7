import Kernels

// The product of a matrix with many zeros, as ReLU leaves them in gradients: each row passes over them. The sums are those
// of `product`, in the same order.

/// Elements of a row that are one set of bits.
private let setElements = 64

/// Vectors of outputs that stay in registers: as many chains of additions as hide one's latency, over columns of b that
/// the first-level cache holds.
#if AVX512
private typealias SparseTile = SparseVectors<4>
#else
private typealias SparseTile = SparseVectors<8>
#endif

/// c = or += a · b for whole vectors of columns; a's rows and columns, and the rows of both b and c, lie so far apart.
func sparseProduct(
    _ a: Source, _ rowStride: Int, _ depthStride: Int, _ b: Source, _ c: Destination, _ stride: Int, _ rows: Int,
    _ columns: Int, _ depth: Int, _ adds: Bool
) {
    let panelBytes = setElements &* SparseTile.width &* 4
    withUnsafeTemporaryAllocation(byteCount: panelBytes &+ rows &* 8, alignment: 64) { buffer in
        guard let base = buffer.baseAddress else { return }
        let panel = base.assumingMemoryBound(to: Float.self)
        let sets = (base + panelBytes).assumingMemoryBound(to: UInt64.self)
        var first = 0
        while first < depth {
            let count = min(setElements, depth &- first)
            let left = a + first &* depthStride
            let continues = adds || first > 0
            for row in 0..<rows { sets[row] = nonzeros(left + row &* rowStride, depthStride, count) }
            var column = 0
            while column &+ SparseTile.width <= columns {
                SparseTile.copy(b + (first &* stride &+ column), stride, panel, count)
                for row in 0..<rows {
                    SparseTile.compute(
                        sets[row], left + row &* rowStride, depthStride, panel, SparseTile.width,
                        c + (row &* stride &+ column), continues)
                }
                column &+= SparseTile.width
            }
            while column < columns {
                for row in 0..<rows {
                    SparseVectors<1>.compute(
                        sets[row], left + row &* rowStride, depthStride, b + (first &* stride &+ column), stride,
                        c + (row &* stride &+ column), continues)
                }
                column &+= Vector.scalarCount
            }
            first &+= count
        }
    }
}

/// Which of the elements are not zero, as bits.
@inline(__always)
private func nonzeros(_ elements: Source, _ stride: Int, _ count: Int) -> UInt64 {
    var set: UInt64 = 0
    for index in 0..<count {
        set |= (elements[index &* stride] == 0 ? 0 : 1) &<< UInt64(truncatingIfNeeded: index)
    }
    return set
}

private struct SparseVectors<let count: Int> {
    static var width: Int { count &* Vector.scalarCount }

    /// Adds the lines of b, each times its element of a row, for the elements in `set`.
    @inline(__always)
    static func compute(
        _ set: UInt64, _ row: Source, _ stride: Int, _ b: Source, _ bStride: Int, _ c: Destination, _ adds: Bool
    ) {
        var sums: InlineArray<count, Vector> = zeros()
        if adds {
            for v in 0..<count { sums[unchecked: v] = load(c + v &* Vector.scalarCount) }
        }
        var left = set
        while left != 0 {
            let index = left.trailingZeroBitCount
            left &= left &- 1
            let value = Vector(repeating: row[index &* stride])
            let line = b + index &* bStride
            for v in 0..<count {
                sums[unchecked: v] = multiplyAdd(load(line + v &* Vector.scalarCount), value, sums[unchecked: v])
            }
        }
        for v in 0..<count { store(sums[unchecked: v], c + v &* Vector.scalarCount) }
    }

    /// Copies lines of b next to each other: a power of two apart, they would drive each other out of the cache.
    @inline(__always)
    static func copy(_ b: Source, _ stride: Int, _ panel: Destination, _ lines: Int) {
        for line in 0..<lines {
            for v in 0..<count {
                store(
                    load(b + (line &* stride &+ v &* Vector.scalarCount)),
                    panel + (line &* width &+ v &* Vector.scalarCount))
            }
        }
    }
}
