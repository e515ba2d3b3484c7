import Kernels

// Weights in the transformed domain lie in panels: all channels of the first `panelWidth` outputs, then of the next.

func winogradTransformWeights(
    _ packed: Source, _ transformed: Destination, _ grid: TileGrid, _ pass: WinogradPass
) {
    let tap = grid.channels &* grid.outputs
    let plane = TileGrid.weightPlane(pass.channels.count, pass.outputs.count)
    forEachVector(grid, pass) { place, panelPlace in
        let source = packed + place
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
            storeSix(t, transformed + (i &* 6 &* plane &+ panelPlace), plane)
        }
    }
}

func winogradRestoreWeights(
    _ transformed: Source, _ packed: Destination, _ grid: TileGrid, _ pass: WinogradPass
) {
    let tap = grid.channels &* grid.outputs
    let plane = TileGrid.weightPlane(pass.channels.count, pass.outputs.count)
    forEachVector(grid, pass) { place, panelPlace in
        var rows = InlineArray<18, Vector>(repeating: .zero)
        for j in 0..<6 {
            let g = restoreTaps(loadSix(transformed + (j &* plane &+ panelPlace), 6 &* plane))
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

/// Calls `body` with the place of each vector of a pass in packed weights and in the panels.
@inline(__always)
private func forEachVector(
    _ grid: TileGrid, _ pass: WinogradPass, _ body: (_ place: Int, _ panelPlace: Int) -> Void
) {
    let (outputs, channels) = (pass.outputs, pass.channels)
    let plane = TileGrid.weightPlane(channels.count, outputs.count)
    for slice in 0..<grid.kernelDepth {
        let place = (slice &* 9 &* grid.channels &+ channels.lowerBound) &* grid.outputs &+ outputs.lowerBound
        let panelPlace = slice &* TileGrid.planes &* plane
        forEachPanel(outputs.count) { column, width in
            for channel in 0..<channels.count {
                var offset = 0
                while offset < width {
                    body(
                        place &+ channel &* grid.outputs &+ column &+ offset,
                        panelPlace &+ column &* channels.count &+ channel &* width &+ offset)
                    offset &+= Vector.scalarCount
                }
            }
        }
    }
}
