import Kernels

// Matrix products with sums in registers. Each output is one chain of additions in the order of the depth, whatever the
// tile, so tiles do not change bits.

/// The outputs that one pass of a product keeps in registers.
struct ProductTile<let rows: Int, let vectors: Int, let count: Int> {
    /// c[r, v] = or += Σ over i of a[r, i] · b[i, v], with a's rows `rowStride` and its columns `depthStride` apart.
    @inline(__always)
    static func compute(
        _ a: Source, _ rowStride: Int, _ depthStride: Int, _ b: Source, _ bStride: Int, _ depth: Int, _ c: Destination,
        _ cStride: Int, _ adds: Bool
    ) {
        var sums: InlineArray<count, Vector> = zeros()
        if adds {
            for r in 0..<rows {
                for v in 0..<vectors {
                    sums[unchecked: r &* vectors &+ v] = load(c + (r &* cStride &+ v &* Vector.scalarCount))
                }
            }
        }
        var left = a
        var right = b
        for _ in 0..<depth {
            var line = InlineArray<vectors, Vector>(repeating: .zero)
            for v in 0..<vectors { line[unchecked: v] = load(right + v &* Vector.scalarCount) }
            for r in 0..<rows {
                let value = Vector(repeating: left[r &* rowStride])
                for v in 0..<vectors {
                    let index = r &* vectors &+ v
                    sums[unchecked: index] = multiplyAdd(line[unchecked: v], value, sums[unchecked: index])
                }
            }
            left += depthStride
            right += bStride
        }
        for r in 0..<rows {
            for v in 0..<vectors {
                store(sums[unchecked: r &* vectors &+ v], c + (r &* cStride &+ v &* Vector.scalarCount))
            }
        }
    }
}

/// The most vectors of outputs that a product's tile spans.
#if AVX512
let panelVectors = 4
#else
let panelVectors = 2
#endif

/// Outputs of the panels that weights are cut into.
let panelWidth = panelVectors &* Vector.scalarCount

/// All rows of a product for one panel of `width` columns, a whole number of vectors.
@inline(__always)
func panelProduct(
    _ a: Source, _ rowStride: Int, _ depthStride: Int, _ b: Source, _ bStride: Int, _ depth: Int, _ c: Destination,
    _ cStride: Int, _ rows: Int, _ width: Int, _ adds: Bool
) {
    switch width / Vector.scalarCount {
    #if AVX512
    case 4:
        rowsProduct(
            ProductTile<6, 4, 24>.self, ProductTile<2, 4, 8>.self, ProductTile<1, 4, 4>.self, a, rowStride, depthStride,
            b, bStride, depth, c, cStride, rows, adds)
    case 3:
        rowsProduct(
            ProductTile<8, 3, 24>.self, ProductTile<2, 3, 6>.self, ProductTile<1, 3, 3>.self, a, rowStride, depthStride,
            b, bStride, depth, c, cStride, rows, adds)
    case 2:
        rowsProduct(
            ProductTile<12, 2, 24>.self, ProductTile<4, 2, 8>.self, ProductTile<1, 2, 2>.self, a, rowStride,
            depthStride, b, bStride, depth, c, cStride, rows, adds)
    default:
        rowsProduct(
            ProductTile<12, 1, 12>.self, ProductTile<4, 1, 4>.self, ProductTile<1, 1, 1>.self, a, rowStride,
            depthStride, b, bStride, depth, c, cStride, rows, adds)
    #else
    // Sixteen registers: twelve sums, two columns, one broadcast value.
    case 2:
        rowsProduct(
            ProductTile<6, 2, 12>.self, ProductTile<2, 2, 4>.self, ProductTile<1, 2, 2>.self, a, rowStride, depthStride,
            b, bStride, depth, c, cStride, rows, adds)
    default:
        rowsProduct(
            ProductTile<12, 1, 12>.self, ProductTile<4, 1, 4>.self, ProductTile<1, 1, 1>.self, a, rowStride,
            depthStride, b, bStride, depth, c, cStride, rows, adds)
    #endif
    }
}

@inline(__always)
private func rowsProduct<
    let most: Int, let few: Int, let vectors: Int, let mostCount: Int, let fewCount: Int, let oneCount: Int
>(
    _ large: ProductTile<most, vectors, mostCount>.Type, _ small: ProductTile<few, vectors, fewCount>.Type,
    _ single: ProductTile<1, vectors, oneCount>.Type, _ a: Source, _ rowStride: Int, _ depthStride: Int, _ b: Source,
    _ bStride: Int, _ depth: Int, _ c: Destination, _ cStride: Int, _ rows: Int, _ adds: Bool
) {
    var row = 0
    while row &+ most <= rows {
        large.compute(
            a + row &* rowStride, rowStride, depthStride, b, bStride, depth, c + row &* cStride, cStride, adds)
        row &+= most
    }
    while row &+ few <= rows {
        small.compute(
            a + row &* rowStride, rowStride, depthStride, b, bStride, depth, c + row &* cStride, cStride, adds)
        row &+= few
    }
    while row < rows {
        single.compute(
            a + row &* rowStride, rowStride, depthStride, b, bStride, depth, c + row &* cStride, cStride, adds)
        row &+= 1
    }
}

/// Calls `body` with the first column and the width of each panel of `width` columns.
@inline(__always)
private func forEachPanel(_ width: Int, _ body: (_ column: Int, _ width: Int) -> Void) {
    var column = 0
    while column < width {
        let panel = min(panelWidth, width &- column)
        body(column, panel)
        column &+= panel
    }
}

/// Rows of a from which on it pays to copy a block of b.
private let manyRows = 24

/// c = or += a · b for whole vectors of columns; a's rows and columns, and the rows of both b and c, lie so far apart.
///
/// The depth goes in blocks, so that what a tile reads again lies in the first-level cache: with many rows the block of
/// b is copied, because lines a power of two apart would drive each other out.
func product(
    _ a: Source, _ rowStride: Int, _ depthStride: Int, _ b: Source, _ c: Destination, _ stride: Int, _ rows: Int,
    _ columns: Int, _ depth: Int, _ adds: Bool
) {
    let block = 64
    let copies = rows >= manyRows && columns > panelWidth
    withUnsafeTemporaryAllocation(byteCount: block &* panelWidth &* 4, alignment: 64) { buffer in
        guard let panel = buffer.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
        var first = 0
        while first < depth {
            let count = min(block, depth &- first)
            forEachPanel(columns) { column, width in
                var source = b + (first &* stride &+ column)
                var sourceStride = stride
                if copies {
                    // Once for whole panels, so that a line is a few registers; otherwise it would be a call.
                    if width == panelWidth {
                        copyPanel(source, stride, panel, count, panelWidth)
                    } else {
                        copyPanel(source, stride, panel, count, width)
                    }
                    source = Source(panel)
                    sourceStride = width
                }
                // Once for contiguous columns and once for contiguous rows of a, so that the tiles know it.
                if depthStride == 1 {
                    panelProduct(
                        a + first, rowStride, 1, source, sourceStride, count, c + column, stride, rows, width,
                        adds || first > 0)
                } else {
                    panelProduct(
                        a + first &* depthStride, rowStride, depthStride, source, sourceStride, count, c + column,
                        stride, rows, width, adds || first > 0)
                }
            }
            first &+= count
        }
    }
}

@inline(__always)
private func copyPanel(_ b: Source, _ bStride: Int, _ panel: Destination, _ depth: Int, _ width: Int) {
    for line in 0..<depth {
        var column = 0
        while column < width {
            store(load(b + (line &* bStride &+ column)), panel + (line &* width &+ column))
            column &+= Vector.scalarCount
        }
    }
}
