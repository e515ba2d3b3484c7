import Kernels

// Winograd's algorithm in groups of tiles: inputs are transformed to planes `[tile, channel]`, each plane is multiplied
// with its plane of weights, and the products are transformed back. A group's planes stay in the second-level cache.
// How tiles are grouped changes no bits of outputs: each is one chain over the channels.

func winogradConvolve(
    _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ grid: TileGrid,
    _ pass: WinogradPass, _ scratch: Destination, _ adds: Bool
) {
    let (outputs, depth, width) = (pass.outputs, pass.channels.count, pass.outputs.count)
    let inputs = scratch
    let products = scratch + TileGrid.planes &* grid.inputPlane
    let (weightPlane, outputPlane) = (TileGrid.weightPlane(depth, width), grid.outputPlane(width))
    let half = scratch + TileGrid.planes &* (grid.inputPlane &+ outputPlane)
    let total = count &* grid.tiles
    let size = grid.groupSize
    var source = InputTiles(grid, pass.channels, half)
    var target = TileCursor(grid)
    var first = 0
    while first < total {
        let group = min(size, total &- first)
        for tile in 0..<group { source.transform(images, inputs + tile &* depth) }
        for plane in 0..<TileGrid.planes {
            forEachShift(grid, group) { slice, inputTile, outputTile, tiles, isFirst in
                forEachPanel(width) { column, panel in
                    panelProduct(
                        inputs + (plane &* grid.inputPlane &+ inputTile &* depth), depth, 1,
                        weights + ((slice &* TileGrid.planes &+ plane) &* weightPlane &+ column &* depth),
                        panel, depth, products + (plane &* outputPlane &+ outputTile &* width &+ column), width,
                        tiles, panel, !isFirst || !pass.begins)
                }
            }
        }
        if pass.ends {
            for tile in 0..<group {
                restoreTile(products + tile &* width, outputPlane, bias, output, grid, outputs, target, half, adds)
                target.advance()
            }
        }
        first &+= group
    }
}

func winogradWeightGradient(
    _ images: Source, _ dy: Source, _ dWeights: Destination, _ count: Int, _ grid: TileGrid, _ pass: WinogradPass,
    _ scratch: Destination
) {
    let (outputs, depth, width) = (pass.outputs, pass.channels.count, pass.outputs.count)
    let inputs = scratch
    let gradients = scratch + TileGrid.planes &* grid.inputPlane
    let (weightPlane, outputPlane) = (TileGrid.weightPlane(depth, width), grid.outputPlane(width))
    let half = scratch + TileGrid.planes &* (grid.inputPlane &+ outputPlane)
    let total = count &* grid.tiles
    let size = grid.groupSize
    var source = InputTiles(grid, pass.channels, half)
    var cursor = TileCursor(grid)
    var first = 0
    while first < total {
        let group = min(size, total &- first)
        for tile in 0..<group {
            source.transform(images, inputs + tile &* depth)
            transformGradientTile(dy, gradients + tile &* width, outputPlane, grid, outputs, cursor, half)
            cursor.advance()
        }
        for plane in 0..<TileGrid.planes {
            forEachShift(grid, group) { slice, inputTile, outputTile, tiles, _ in
                forEachPanel(width) { column, panel in
                    panelProduct(
                        inputs + (plane &* grid.inputPlane &+ inputTile &* depth), 1, depth,
                        gradients + (plane &* outputPlane &+ outputTile &* width &+ column), width, tiles,
                        dWeights + ((slice &* TileGrid.planes &+ plane) &* weightPlane &+ column &* depth),
                        panel, depth, panel, true)
                }
            }
        }
        first &+= group
    }
}

/// Calls `body` for each image that a window spans.
///
/// It gets the image's number in the window, the first tiles of the input and of the output, and the number of tiles of a
/// clip for which that image exists. The window's middle comes first, because it exists for all.
@inline(__always)
private func forEachShift(
    _ grid: TileGrid, _ group: Int,
    _ body: (_ slice: Int, _ inputTile: Int, _ outputTile: Int, _ tiles: Int, _ isFirst: Bool) -> Void
) {
    let middle = grid.kernelDepth / 2
    body(middle, 0, 0, group, true)
    var slice = 0
    while slice < grid.kernelDepth {
        let shift = (slice &- middle) &* grid.imageTiles
        let tiles = group &- abs(shift)
        if slice != middle && tiles > 0 { body(slice, max(shift, 0), max(0 &- shift, 0), tiles, false) }
        slice &+= 1
    }
}

/// Calls `body` with the first column and the width of each panel of `width` columns.
@inline(__always)
func forEachPanel(_ width: Int, _ body: (_ column: Int, _ width: Int) -> Void) {
    var column = 0
    while column < width {
        let panel = min(panelWidth, width &- column)
        body(column, panel)
        column &+= panel
    }
}

/// Where a tile lies; advances from tile to tile and image to image.
struct TileCursor {
    private let grid: TileGrid
    private var row = 0
    private var column = 0
    private var phaseRow = 0
    private var phaseColumn = 0
    private(set) var image = 0

    init(_ grid: TileGrid) { self.grid = grid }

    /// The first pixel of the tile in the output image.
    var top: Int { phaseRow &+ row &* TileGrid.side &* grid.dilation }
    var left: Int { phaseColumn &+ column &* TileGrid.side &* grid.dilation }

    @inline(__always)
    mutating func advance() {
        column &+= 1
        if column < grid.columns { return }
        column = 0
        row &+= 1
        if row < grid.rows { return }
        row = 0
        phaseColumn &+= 1
        if phaseColumn < grid.dilation { return }
        phaseColumn = 0
        phaseRow &+= 1
        if phaseRow < grid.dilation { return }
        phaseRow = 0
        image &+= 1
    }
}

/// Reads one tile of inputs after the other.
private struct InputTiles {
    private let grid: TileGrid
    private let channels: Range<Int>
    /// A tile whose columns are transformed.
    private let half: Destination
    /// Zeros for all channels of a pixel outside the image.
    private let zeros: Source
    private var cursor: TileCursor

    init(_ grid: TileGrid, _ channels: Range<Int>, _ half: Destination) {
        self.grid = grid
        self.channels = channels
        self.half = half
        let zeros = half + TileGrid.planes &* 16
        zeros.update(repeating: 0, count: channels.count)
        self.zeros = Source(zeros)
        cursor = TileCursor(grid)
    }

    /// Bᵀ d B of the next tile to the planes of `target`.
    @inline(__always)
    mutating func transform(_ images: Source, _ target: Destination) {
        let step = grid.dilation
        let top = cursor.top &- grid.top
        let left = cursor.left &- grid.left
        let image = images + cursor.image &* grid.imageCount
        cursor.advance()
        let reach = 5 &* step
        let (down, right) = (step &* grid.width &* grid.channels, step &* grid.channels)
        let corner = image + ((top &* grid.width &+ left) &* grid.channels &+ channels.lowerBound)
        if top >= 0 && left >= 0 && top &+ reach < grid.height && left &+ reach < grid.width {
            var c = 0
            while c < channels.count {
                for j in 0..<6 { transformColumn(j, loadSix(corner + (j &* right &+ c), down)) }
                transformRows(target + c)
                c &+= Vector.scalarCount
            }
            return
        }
        // Rows outside the image read zeros, at the same place for all columns.
        var rows = InlineArray<6, Source>(repeating: zeros)
        var steps = InlineArray<6, Int>(repeating: 0)
        for i in 0..<6 {
            let row = top &+ i &* step
            if row < 0 || row >= grid.height { continue }
            rows[unchecked: i] = corner + i &* down
            steps[unchecked: i] = right
        }
        var c = 0
        while c < channels.count {
            for j in 0..<6 {
                let column = left &+ j &* step
                guard column >= 0 && column < grid.width else {
                    transformColumn(j, (.zero, .zero, .zero, .zero, .zero, .zero))
                    continue
                }
                transformColumn(
                    j,
                    (
                        load(rows[unchecked: 0] + (j &* steps[unchecked: 0] &+ c)),
                        load(rows[unchecked: 1] + (j &* steps[unchecked: 1] &+ c)),
                        load(rows[unchecked: 2] + (j &* steps[unchecked: 2] &+ c)),
                        load(rows[unchecked: 3] + (j &* steps[unchecked: 3] &+ c)),
                        load(rows[unchecked: 4] + (j &* steps[unchecked: 4] &+ c)),
                        load(rows[unchecked: 5] + (j &* steps[unchecked: 5] &+ c))
                    ))
            }
            transformRows(target + c)
            c &+= Vector.scalarCount
        }
    }

    @inline(__always)
    private func transformColumn(_ column: Int, _ d: Six) {
        storeSix(transformInputs(d), half + column &* Vector.scalarCount, 6 &* Vector.scalarCount)
    }

    @inline(__always)
    private func transformRows(_ target: Destination) {
        for i in 0..<6 {
            let t = transformInputs(loadSix(half + i &* 6 &* Vector.scalarCount, Vector.scalarCount))
            storeSix(t, target + i &* 6 &* grid.inputPlane, grid.inputPlane)
        }
    }
}

/// How many of the four outputs from `start` on lie inside an image of `size`.
@inline(__always)
private func outputsInside(_ size: Int, _ start: Int, _ step: Int) -> Int {
    let inside = (size &- start &+ step &- 1) / step
    return min(TileGrid.side, inside)
}

@inline(__always)
func loadSix(_ base: Source, _ stride: Int) -> Six {
    (
        load(base), load(base + stride), load(base + 2 &* stride), load(base + 3 &* stride), load(base + 4 &* stride),
        load(base + 5 &* stride)
    )
}

@inline(__always)
func storeSix(_ t: Six, _ target: Destination, _ plane: Int) {
    store(t.0, target)
    store(t.1, target + plane)
    store(t.2, target + 2 &* plane)
    store(t.3, target + 3 &* plane)
    store(t.4, target + 4 &* plane)
    store(t.5, target + 5 &* plane)
}

/// Aᵀ m A of a tile's planes to its outputs, as far as they lie inside the image.
@inline(__always)
private func restoreTile(
    _ products: Source, _ plane: Int, _ bias: Source?, _ output: Destination, _ grid: TileGrid, _ outputs: Range<Int>,
    _ cursor: TileCursor, _ half: Destination, _ adds: Bool
) {
    let (top, left, step) = (cursor.top, cursor.left, grid.dilation)
    let image = output + (cursor.image &* grid.outputCount &+ outputs.lowerBound)
    let bias = bias.map { $0 + outputs.lowerBound }
    // Of a tile at the end of the image some outputs are not wanted, of a phase's last ones perhaps all.
    let rows = outputsInside(grid.outputHeight, top, step)
    let columns = outputsInside(grid.outputWidth, left, step)
    if rows <= 0 || columns <= 0 { return }
    var c = 0
    while c < outputs.count {
        for j in 0..<6 {
            let y = restoreOutputs(loadSix(products + (j &* plane &+ c), 6 &* plane))
            let place = half + j &* Vector.scalarCount
            store(y.0, place)
            store(y.1, place + 6 &* Vector.scalarCount)
            store(y.2, place + 12 &* Vector.scalarCount)
            store(y.3, place + 18 &* Vector.scalarCount)
        }
        let initial = bias.map { load($0 + c) } ?? .zero
        for i in 0..<rows {
            let y = restoreOutputs(loadSix(half + i &* 6 &* Vector.scalarCount, Vector.scalarCount))
            let pixel = (top &+ i &* step) &* grid.outputWidth &+ left
            let line = image + (pixel &* grid.outputs &+ c)
            let right = step &* grid.outputs
            put(y.0 + initial, line, adds)
            if columns > 1 { put(y.1 + initial, line + right, adds) }
            if columns > 2 { put(y.2 + initial, line + 2 &* right, adds) }
            if columns > 3 { put(y.3 + initial, line + 3 &* right, adds) }
        }
        c &+= Vector.scalarCount
    }
}

@inline(__always)
private func put(_ value: Vector, _ place: Destination, _ adds: Bool) {
    store(adds ? load(place) + value : value, place)
}

/// A dy Aᵀ of a tile of gradients, zeros outside the image.
@inline(__always)
private func transformGradientTile(
    _ dy: Source, _ target: Destination, _ plane: Int, _ grid: TileGrid, _ outputs: Range<Int>, _ cursor: TileCursor,
    _ half: Destination
) {
    let (top, left, step) = (cursor.top, cursor.left, grid.dilation)
    let corner =
        dy + (cursor.image &* grid.outputCount &+ outputs.lowerBound)
        + (top &* grid.outputWidth &+ left) &* grid.outputs
    let (down, right) = (step &* grid.outputWidth &* grid.outputs, step &* grid.outputs)
    let rows = outputsInside(grid.outputHeight, top, step)
    let columns = outputsInside(grid.outputWidth, left, step)
    var c = 0
    while c < outputs.count {
        // Once for whole tiles, so that they have no branches.
        if rows == 4 && columns == 4 {
            transformGradientRows(corner + c, down, right, 4, 4, half)
        } else {
            transformGradientRows(corner + c, down, right, rows, columns, half)
        }
        for j in 0..<6 {
            let column = half + j &* 4 &* Vector.scalarCount
            let t = transformGradients(
                (
                    load(column), load(column + Vector.scalarCount), load(column + 2 &* Vector.scalarCount),
                    load(column + 3 &* Vector.scalarCount)
                ))
            let place = target + (j &* plane &+ c)
            storeSix(t, place, 6 &* plane)
        }
        c &+= Vector.scalarCount
    }
}

@inline(__always)
private func transformGradientRows(
    _ corner: Source, _ down: Int, _ right: Int, _ rows: Int, _ columns: Int, _ half: Destination
) {
    for i in 0..<4 {
        let line = corner + i &* down
        let inside = i < rows ? columns : 0
        let t = transformGradients(
            (
                inside > 0 ? load(line) : .zero, inside > 1 ? load(line + right) : .zero,
                inside > 2 ? load(line + 2 &* right) : .zero, inside > 3 ? load(line + 3 &* right) : .zero
            ))
        storeSix(t, half + i &* Vector.scalarCount, 4 &* Vector.scalarCount)
    }
}
