import Kernels

// Winograd's algorithm, a group of strips at a time. Transformed inputs lie as `[column of a tile, block of channels, tile,
// row of a tile, lane]`; the six sums of a column of some tiles stay in registers over all channels, until four are left of
// them. How tiles are grouped changes no bits: each sum is one chain over the channels.

/// Tiles whose sums fit into registers.
#if AVX512
private let tilesAtOnce = 4
private typealias Tiles = ColumnSums<4, 24>
#else
private let tilesAtOnce = 2
private typealias Tiles = ColumnSums<2, 12>
#endif

private let lanes = Vector.scalarCount
/// Floats of a tile's column for a block of channels.
private let columnCount = 6 &* Vector.scalarCount
/// Floats of a tile of which the columns are restored.
private let restoredCount = 24 &* Vector.scalarCount

func winogradConvolve(
    _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ grid: TileGrid,
    _ pass: WinogradPass, _ scratch: Destination, _ adds: Bool
) {
    let (channels, outputs) = (pass.channels.count, pass.outputs.count)
    let zeros = scratch
    zeros.update(repeating: 0, count: grid.zerosCount)
    let lines = zeros + grid.zerosCount
    let transformed = lines + TileGrid.reach &* grid.inputPlaces &* channels
    let restored = transformed + TileGrid.reach &* grid.transformedColumn(channels)
    grid.forEachGroup(of: count) { first, group in
        for index in 0..<group {
            let strip = Strip(first &+ index, grid)
            grid.transformInputColumns(images, strip, pass.channels, zeros, lines)
            transformRows(lines, transformed + index &* grid.columns &* columnCount, grid, channels)
        }
        var offset = 0
        while offset < outputs {
            multiply(transformed, weights, offset, restored, group, grid, pass)
            let place = pass.outputs.lowerBound &+ offset
            let initial = bias.map { load($0 + place) } ?? .zero
            for index in 0..<group {
                restoreRows(
                    restored + index &* grid.columns &* restoredCount, initial, output + place,
                    Strip(first &+ index, grid), grid, adds)
            }
            offset &+= lanes
        }
    }
}

/// The products of a strip's transformed columns with B, to its tiles in a group.
@inline(__always)
private func transformRows(_ lines: Source, _ target: Destination, _ grid: TileGrid, _ channels: Int) {
    let (column, block) = (grid.transformedColumn(channels), grid.groupTiles &* columnCount)
    for i in 0..<TileGrid.reach {
        forEachTile(lines + i &* grid.inputPlaces &* channels, grid.columns, channels) { place, number, tile in
            let t = transformInputs(loadSix(place, channels))
            storeSix(t, target + (number &* block &+ tile &* columnCount &+ i &* lanes), column)
        }
    }
}

/// One vector of outputs, from `offset` on, of all tiles of a group, with their columns restored.
@inline(__always)
private func multiply(
    _ transformed: Source, _ weights: Source, _ offset: Int, _ restored: Destination, _ strips: Int, _ grid: TileGrid,
    _ pass: WinogradPass
) {
    let (channels, outputs) = (pass.channels.count, pass.outputs.count)
    for j in 0..<TileGrid.reach {
        let column = transformed + j &* grid.transformedColumn(channels)
        let weights = weights + (j &* outputs &+ offset) &* channels &* TileGrid.reach
        forEachImage(grid, strips) { tiles, slices in
            let sizes = ProductSizes(
                blocks: channels / lanes, block: grid.groupTiles &* columnCount, slices: slices.count,
                slice: grid.imageTiles &* columnCount,
                weights: TileGrid.reach &* TileGrid.reach &* channels &* outputs)
            let weights = weights + slices.lowerBound &* sizes.weights
            let shift = (slices.lowerBound &- grid.kernelDepth / 2) &* grid.imageTiles
            var tile = tiles.lowerBound
            while tile < tiles.upperBound {
                let source = column + (tile &+ shift) &* columnCount
                let target = restored + (tile &* restoredCount &+ j &* lanes)
                if tile &+ tilesAtOnce <= tiles.upperBound {
                    Tiles.compute(source, weights, target, sizes)
                    tile &+= tilesAtOnce
                } else {
                    ColumnSums<1, 6>.compute(source, weights, target, sizes)
                    tile &+= 1
                }
            }
        }
    }
}

/// Calls `body` with the tiles of each image of a group and the images of a window that exist for them; images of which a
/// window spans one only are one.
@inline(__always)
private func forEachImage(_ grid: TileGrid, _ strips: Int, _ body: (_ tiles: Range<Int>, _ slices: Range<Int>) -> Void)
{
    if grid.kernelDepth == 1 { return body(0..<strips &* grid.columns, 0..<1) }
    let middle = grid.kernelDepth / 2
    for image in 0..<grid.depth {
        body(
            image &* grid.imageTiles..<(image &+ 1) &* grid.imageTiles,
            max(0, middle &- image)..<min(grid.kernelDepth, grid.depth &- image &+ middle))
    }
}

/// How far apart lies what is summed: blocks of channels, and images of a window with their weights.
private struct ProductSizes {
    let blocks, block, slices, slice, weights: Int
}

/// Products of one column of neighbouring tiles.
private struct ColumnSums<let tiles: Int, let count: Int> {
    /// Sums over all channels, and Aᵀ of the sums to `target`, of each tile `[4, 6, lane]`.
    @inline(__always)
    static func compute(_ inputs: Source, _ weights: Source, _ target: Destination, _ sizes: ProductSizes) {
        var sums: InlineArray<count, Vector> = zeros()
        for slice in 0..<sizes.slices {
            var source = inputs + slice &* sizes.slice
            var weight = weights + slice &* sizes.weights
            for _ in 0..<sizes.blocks {
                for lane in 0..<lanes {
                    for i in 0..<6 {
                        let filter = load(weight + i &* lanes)
                        for tile in 0..<tiles {
                            let index = tile &* 6 &+ i
                            sums[unchecked: index] = multiplyAdd(
                                filter, Vector(repeating: source[index &* lanes &+ lane]), sums[unchecked: index])
                        }
                    }
                    weight += columnCount
                }
                source += sizes.block
            }
        }
        for tile in 0..<tiles {
            let first = tile &* 6
            let y = restoreOutputs(
                (
                    sums[unchecked: first], sums[unchecked: first &+ 1], sums[unchecked: first &+ 2],
                    sums[unchecked: first &+ 3], sums[unchecked: first &+ 4], sums[unchecked: first &+ 5]
                ))
            let place = target + tile &* restoredCount
            store(y.0, place)
            store(y.1, place + columnCount)
            store(y.2, place + 2 &* columnCount)
            store(y.3, place + 3 &* columnCount)
        }
    }
}

/// The products of a strip's rows with A, to its outputs as far as they lie inside the image.
@inline(__always)
private func restoreRows(
    _ restored: Source, _ initial: Vector, _ output: Destination, _ strip: Strip, _ grid: TileGrid, _ adds: Bool
) {
    let step = grid.dilation
    let right = step &* grid.outputs
    let image = output + strip.image &* grid.outputCount
    // Every `step`-th pixel from the strip's first on; of a phase's last tiles perhaps none.
    let rows = (grid.outputHeight &- strip.top &+ step &- 1) / step
    let columns = (grid.outputWidth &- strip.left &+ step &- 1) / step
    let whole = max(0, min(grid.columns, columns / TileGrid.side))
    for row in 0..<max(0, min(TileGrid.side, rows)) {
        let line = image + ((strip.top &+ row &* step) &* grid.outputWidth &+ strip.left) &* grid.outputs
        for tile in 0..<whole {
            let y = restoreOutputs(loadSix(restored + (tile &* restoredCount &+ row &* columnCount), lanes))
            let place = line + TileGrid.side &* tile &* right
            put(y.0 + initial, place, adds)
            put(y.1 + initial, place + right, adds)
            put(y.2 + initial, place + 2 &* right, adds)
            put(y.3 + initial, place + 3 &* right, adds)
        }
        let rest = columns &- TileGrid.side &* whole
        if whole == grid.columns || rest <= 0 { continue }
        let y = restoreOutputs(loadSix(restored + (whole &* restoredCount &+ row &* columnCount), lanes))
        let place = line + TileGrid.side &* whole &* right
        put(y.0 + initial, place, adds)
        if rest > 1 { put(y.1 + initial, place + right, adds) }
        if rest > 2 { put(y.2 + initial, place + 2 &* right, adds) }
    }
}

@inline(__always)
private func put(_ value: Vector, _ place: Destination, _ adds: Bool) {
    store(adds ? load(place) + value : value, place)
}
