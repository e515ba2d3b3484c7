import Kernels

// The gradient of transformed weights, a group of strips at a time: row by row of the tiles, inputs and gradients of outputs
// are transformed to `[column of a tile, block of channels, tile, lane]`, and their products are added over the tiles.

private let lanes = Vector.scalarCount

func winogradWeightGradient(
    _ images: Source, _ dy: Source, _ dWeights: Destination, _ count: Int, _ grid: TileGrid, _ pass: WinogradPass,
    _ scratch: Destination
) {
    let (channels, outputs) = (pass.channels.count, pass.outputs.count)
    let zeros = scratch
    zeros.update(repeating: 0, count: grid.zerosCount)
    let inputLines = zeros + grid.zerosCount
    let (inputLine, gradientLine) = (grid.inputPlaces &* channels, grid.outputPlaces &* outputs)
    let gradientLines = inputLines + grid.groupStrips &* TileGrid.reach &* inputLine
    let inputs = gradientLines + grid.groupStrips &* TileGrid.reach &* gradientLine
    let (inputPlace, gradientPlace) = (grid.transformedPlace(channels), grid.transformedPlace(outputs))
    let gradients = inputs + TileGrid.reach &* inputPlace
    let block = grid.groupTiles &* lanes
    grid.forEachGroup(of: count) { first, group in
        for index in 0..<group {
            let strip = Strip(first &+ index, grid)
            grid.transformInputColumns(
                images, strip, pass.channels, zeros, inputLines + index &* TileGrid.reach &* inputLine)
            grid.transformGradientColumns(
                dy, strip, pass.outputs, zeros, gradientLines + index &* TileGrid.reach &* gradientLine)
        }
        for i in 0..<TileGrid.reach {
            for index in 0..<group {
                let line = index &* TileGrid.reach &+ i
                let place = index &* grid.columns &* lanes
                forEachTile(inputLines + line &* inputLine, grid.columns, channels) { source, number, tile in
                    let t = transformInputs(loadSix(source, channels))
                    storeSix(t, inputs + (place &+ number &* block &+ tile &* lanes), inputPlace)
                }
                forEachTile(gradientLines + line &* gradientLine, grid.columns, outputs) { source, number, tile in
                    let t = transformGradients(loadFour(source, outputs))
                    storeSix(t, gradients + (place &+ number &* block &+ tile &* lanes), gradientPlace)
                }
            }
            for j in 0..<TileGrid.reach {
                forEachShift(grid, group &* grid.columns) { slice, inputTile, outputTile, tiles in
                    var target =
                        dWeights
                        + ((slice &* TileGrid.reach &+ i) &* TileGrid.reach &+ j) &* channels &* outputs
                    var y = gradients + (j &* gradientPlace &+ outputTile &* lanes)
                    for _ in 0..<outputs / lanes {
                        var x = inputs + (j &* inputPlace &+ inputTile &* lanes)
                        for _ in 0..<channels / lanes {
                            addProducts(x, y, tiles, target)
                            x += block
                            target += lanes &* lanes
                        }
                        y += block
                    }
                }
            }
        }
    }
}

/// Calls `body` for each image that a window spans.
///
/// It gets the image's number in the window, the first tiles of the input and of the output, and the number of tiles of a
/// clip for which that image exists.
@inline(__always)
private func forEachShift(
    _ grid: TileGrid, _ group: Int,
    _ body: (_ slice: Int, _ inputTile: Int, _ outputTile: Int, _ tiles: Int) -> Void
) {
    for slice in 0..<grid.kernelDepth {
        let shift = (slice &- grid.kernelDepth / 2) &* grid.imageTiles
        let tiles = group &- abs(shift)
        if tiles > 0 { body(slice, max(shift, 0), max(0 &- shift, 0), tiles) }
    }
}

/// target[c, lane] += Σ over tiles of x[tile, c] · y[tile, lane].
@inline(__always)
private func addProducts(_ x: Source, _ y: Source, _ tiles: Int, _ target: Destination) {
    #if AVX512
    var sums: InlineArray<16, Vector> = zeros()
    #elseif AVX2
    var sums: InlineArray<8, Vector> = zeros()
    #else
    var sums: InlineArray<4, Vector> = zeros()
    #endif
    for c in 0..<lanes { sums[unchecked: c] = load(target + c &* lanes) }
    for tile in 0..<tiles {
        let gradient = load(y + tile &* lanes)
        for c in 0..<lanes {
            sums[unchecked: c] = multiplyAdd(
                gradient, Vector(repeating: x[tile &* lanes &+ c]), sums[unchecked: c])
        }
    }
    for c in 0..<lanes { store(sums[unchecked: c], target + c &* lanes) }
}
