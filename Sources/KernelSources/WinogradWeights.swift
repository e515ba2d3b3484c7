import Kernels

// Transformed weights lie as `[image of a window, column of a tile, block of outputs, channel, row of a tile, lane]`, in
// the order in which outputs read them; their gradient as `[image, row, column, block of outputs, channel, lane]`.

func winogradTransformWeights(
    _ packed: Source, _ transformed: Destination, _ grid: TileGrid, _ pass: WinogradPass
) {
    let tap = grid.channels &* grid.outputs
    let column = TileGrid.reach &* pass.channels.count &* pass.outputs.count
    forEachVector(grid, pass) { place, slice, number in
        let source = packed + place
        let target = transformed + (slice &* TileGrid.reach &* column &+ number &* 6 &* Vector.scalarCount)
        var columns = InlineArray<18, Vector>(repeating: .zero)
        for j in 0..<3 {
            let g = source + j &* tap
            let t = transformTaps((load(g), load(g + 3 &* tap), load(g + 6 &* tap)))
            columns[unchecked: j] = t.0
            columns[unchecked: 3 &+ j] = t.1
            columns[unchecked: 6 &+ j] = t.2
            columns[unchecked: 9 &+ j] = t.3
            columns[unchecked: 12 &+ j] = t.4
            columns[unchecked: 15 &+ j] = t.5
        }
        for i in 0..<6 {
            let t = transformTaps(
                (columns[unchecked: 3 &* i], columns[unchecked: 3 &* i &+ 1], columns[unchecked: 3 &* i &+ 2]))
            storeSix(t, target + i &* Vector.scalarCount, column)
        }
    }
}

func winogradRestoreWeights(
    _ transformed: Source, _ packed: Destination, _ grid: TileGrid, _ pass: WinogradPass
) {
    let tap = grid.channels &* grid.outputs
    let column = pass.channels.count &* pass.outputs.count
    let row = TileGrid.reach &* column
    forEachVector(grid, pass) { place, slice, number in
        let source = transformed + (slice &* TileGrid.reach &* row &+ number &* Vector.scalarCount)
        var rows = InlineArray<18, Vector>(repeating: .zero)
        for j in 0..<6 {
            let g = restoreTaps(loadSix(source + j &* column, row))
            rows[unchecked: j] = g.0
            rows[unchecked: 6 &+ j] = g.1
            rows[unchecked: 12 &+ j] = g.2
        }
        for i in 0..<3 {
            let g = restoreTaps(
                (
                    rows[unchecked: i &* 6], rows[unchecked: i &* 6 &+ 1], rows[unchecked: i &* 6 &+ 2],
                    rows[unchecked: i &* 6 &+ 3], rows[unchecked: i &* 6 &+ 4], rows[unchecked: i &* 6 &+ 5]
                ))
            let target = packed + (3 &* i &* tap &+ place)
            store(g.0, target)
            store(g.1, target + tap)
            store(g.2, target + 2 &* tap)
        }
    }
}

/// Calls `body` for each vector of outputs of each channel of a pass, with its place in packed weights, the image of a
/// window, and its number in `[block of outputs, channel]`.
@inline(__always)
private func forEachVector(
    _ grid: TileGrid, _ pass: WinogradPass, _ body: (_ place: Int, _ slice: Int, _ number: Int) -> Void
) {
    let (outputs, channels) = (pass.outputs, pass.channels)
    for slice in 0..<grid.kernelDepth {
        let place = (slice &* 9 &* grid.channels &+ channels.lowerBound) &* grid.outputs &+ outputs.lowerBound
        for block in 0..<outputs.count / Vector.scalarCount {
            for channel in 0..<channels.count {
                body(
                    place &+ channel &* grid.outputs &+ block &* Vector.scalarCount, slice,
                    block &* channels.count &+ channel)
            }
        }
    }
}
