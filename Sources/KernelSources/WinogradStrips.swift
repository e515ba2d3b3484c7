import Kernels

// The way of a strip's inputs and gradients into Winograd's domain: first its columns, for which tiles beside each other
// share what they have in common, then its rows.

/// Where a strip lies.
struct Strip {
    let image: Int
    /// Its first pixel in the output image.
    let top, left: Int

    init(_ index: Int, _ grid: TileGrid) {
        image = index / grid.imageStrips
        let (phase, row) = (index % grid.imageStrips).quotientAndRemainder(dividingBy: grid.rows)
        top = phase / grid.dilation &+ row &* TileGrid.side &* grid.dilation
        left = phase % grid.dilation
    }
}

/// Lines of images of which strips take some columns, every `step`-th pixel, and some channels.
private struct ImageLines {
    let height, width, pixel, step: Int
    let channels: Range<Int>

    /// Transforms the columns of a strip from `top` and `left` on to six lines of `places` pixels, with zeros for what lies
    /// outside the image; `transform` is given where the lines begin and an offset in them.
    @inline(__always)
    func transformColumns<let count: Int>(
        _ image: Source, _ top: Int, _ left: Int, _ zeros: Source, _ target: Destination, _ places: Int,
        _ transform: (_ lines: InlineArray<count, Source>, _ offset: Int) -> Six
    ) {
        let first = left < 0 ? (step &- 1 &- left) / step : 0
        let end = max(first, min(places, (width &- left &+ step &- 1) / step))
        let lineCount = places &* channels.count
        if first > 0 || end < places {
            for i in 0..<TileGrid.reach {
                let line = target + i &* lineCount
                line.update(repeating: 0, count: first &* channels.count)
                (line + end &* channels.count).update(repeating: 0, count: (places &- end) &* channels.count)
            }
        }
        var lines = InlineArray<count, Source>(repeating: zeros)
        for i in 0..<count {
            let row = top &+ i &* step
            if row < 0 || row >= height { continue }
            lines[unchecked: i] = image + ((row &* width &+ left &+ first &* step) &* pixel &+ channels.lowerBound)
        }
        // Neighbours that are wanted whole are one run of floats.
        let merges = step == 1 && channels.count == pixel
        let runs = merges ? 1 : end &- first
        let run = merges ? (end &- first) &* pixel : channels.count
        for index in 0..<runs {
            let source = index &* step &* pixel
            let place = target + (first &* channels.count &+ index &* run)
            var offset = 0
            while offset < run {
                storeSix(transform(lines, source &+ offset), place + offset, lineCount)
                offset &+= Vector.scalarCount
            }
        }
    }
}

extension TileGrid {
    /// Calls `body` with the first strip and the number of strips of each group of some images.
    @inline(__always)
    func forEachGroup(of images: Int, _ body: (_ first: Int, _ group: Int) -> Void) {
        let strips = images &* depth &* imageStrips
        var first = 0
        while first < strips {
            let group = min(groupStrips, strips &- first)
            body(first, group)
            first &+= group
        }
    }

    /// Bᵀ d of a strip's columns to six lines `[places, channels]`.
    @inline(__always)
    func transformInputColumns(
        _ images: Source, _ strip: Strip, _ channels: Range<Int>, _ zeros: Source, _ target: Destination
    ) {
        ImageLines(height: height, width: width, pixel: self.channels, step: dilation, channels: channels)
            .transformColumns(
                images + strip.image &* imageCount, strip.top &- top, strip.left &- left, zeros, target, inputPlaces
            ) { (lines: InlineArray<6, Source>, offset) in
                transformInputs(
                    (
                        load(lines[unchecked: 0] + offset), load(lines[unchecked: 1] + offset),
                        load(lines[unchecked: 2] + offset), load(lines[unchecked: 3] + offset),
                        load(lines[unchecked: 4] + offset), load(lines[unchecked: 5] + offset)
                    ))
            }
    }

    /// A dy of a strip's columns to six lines `[places, outputs]`.
    @inline(__always)
    func transformGradientColumns(
        _ dy: Source, _ strip: Strip, _ outputs: Range<Int>, _ zeros: Source, _ target: Destination
    ) {
        ImageLines(height: outputHeight, width: outputWidth, pixel: self.outputs, step: dilation, channels: outputs)
            .transformColumns(
                dy + strip.image &* outputCount, strip.top, strip.left, zeros, target, outputPlaces
            ) { (lines: InlineArray<4, Source>, offset) in
                transformGradients(
                    (
                        load(lines[unchecked: 0] + offset), load(lines[unchecked: 1] + offset),
                        load(lines[unchecked: 2] + offset), load(lines[unchecked: 3] + offset)
                    ))
            }
    }
}

/// Calls `body` for each vector of channels of each tile in a transformed line, with where it begins, the number of the
/// vector and that of the tile.
@inline(__always)
func forEachTile(
    _ line: Source, _ tiles: Int, _ channels: Int, _ body: (_ place: Source, _ block: Int, _ tile: Int) -> Void
) {
    for tile in 0..<tiles {
        var block = 0
        while block &* Vector.scalarCount < channels {
            body(line + (TileGrid.side &* tile &* channels &+ block &* Vector.scalarCount), block, tile)
            block &+= 1
        }
    }
}

@inline(__always)
func loadFour(_ base: Source, _ stride: Int) -> Four {
    (load(base), load(base + stride), load(base + 2 &* stride), load(base + 3 &* stride))
}

@inline(__always)
func loadSix(_ base: Source, _ stride: Int) -> Six {
    (
        load(base), load(base + stride), load(base + 2 &* stride), load(base + 3 &* stride), load(base + 4 &* stride),
        load(base + 5 &* stride)
    )
}

@inline(__always)
func storeSix(_ t: Six, _ target: Destination, _ stride: Int) {
    store(t.0, target)
    store(t.1, target + stride)
    store(t.2, target + 2 &* stride)
    store(t.3, target + 3 &* stride)
    store(t.4, target + 4 &* stride)
    store(t.5, target + 5 &* stride)
}
