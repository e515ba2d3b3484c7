import Kernels

// Convolution without packing: a tile of `pixels` × `vectors` accumulators stays in registers while the taps of the
// windows pass. The image has its zeros around it, so no tap needs a test. Each output is one chain of additions in the
// order of the taps, whatever the tile, so tiles do not change bits.

/// Where the taps of one window lie: `planes` × `rows` × `groups` runs of `run` neighbouring floats.
private struct Taps {
    let planes, planeStride, rows, rowStride, groups, groupStride, run: Int

    init(_ windows: Windows) {
        let (kernel, dilation) = (windows.kernel, windows.dilation)
        let lineCount = windows.input.width &* windows.channels
        planes = kernel.depth
        planeStride = dilation.depth &* windows.input.height &* lineCount
        rows = kernel.height
        rowStride = dilation.height &* lineCount
        // Without dilation the taps of a row are neighbours.
        groups = dilation.width == 1 ? 1 : kernel.width
        groupStride = dilation.width &* windows.channels
        run = dilation.width == 1 ? kernel.width &* windows.channels : windows.channels
    }
}

/// Where the windows begin: each line of windows `lineStride`, each plane of them `planeStride` floats after the last.
private struct Places {
    let planes, planeStride, rows, rowStride, columns, pixelStride: Int

    init(_ windows: Windows) {
        let lineCount = windows.input.width &* windows.channels
        planes = windows.output.depth
        planeStride = windows.stride.depth &* windows.input.height &* lineCount
        rows = windows.output.height
        rowStride = windows.stride.height &* lineCount
        columns = windows.output.width
        pixelStride = windows.stride.width &* windows.channels
    }
}

private struct ForwardTile<let pixels: Int, let vectors: Int, let count: Int> {
    /// Computes `pixels` neighbouring outputs of `vectors` vectors of channels; `initial` is where the sums begin.
    @inline(__always)
    static func compute(
        _ image: Source, _ pixelStride: Int, _ taps: Taps, _ weights: Source, _ weightStride: Int, _ outputs: Int,
        _ initial: Source?, _ initialStride: Int, _ output: Destination
    ) {
        var sums: InlineArray<count, Vector> = zeros()
        if let initial {
            for p in 0..<pixels {
                for v in 0..<vectors {
                    sums[unchecked: p &* vectors &+ v] = load(initial + (p &* initialStride &+ v &* Vector.scalarCount))
                }
            }
        }
        var weight = weights
        for plane in 0..<taps.planes {
            for row in 0..<taps.rows {
                for group in 0..<taps.groups {
                    let base = image + (plane &* taps.planeStride &+ row &* taps.rowStride &+ group &* taps.groupStride)
                    for i in 0..<taps.run {
                        var filter = InlineArray<vectors, Vector>(repeating: .zero)
                        for v in 0..<vectors { filter[unchecked: v] = load(weight + v &* Vector.scalarCount) }
                        for p in 0..<pixels {
                            let value = Vector(repeating: base[p &* pixelStride &+ i])
                            for v in 0..<vectors {
                                let index = p &* vectors &+ v
                                sums[unchecked: index] = multiplyAdd(
                                    filter[unchecked: v], value, sums[unchecked: index])
                            }
                        }
                        weight += weightStride
                    }
                }
            }
        }
        for p in 0..<pixels {
            for v in 0..<vectors {
                store(sums[unchecked: p &* vectors &+ v], output + (p &* outputs &+ v &* Vector.scalarCount))
            }
        }
    }
}

/// All pixels of the images for one block of `vectors` vectors of channels.
@inline(__always)
private func forwardBlock<let pixels: Int, let vectors: Int, let count: Int>(
    _ tile: ForwardTile<pixels, vectors, count>.Type, _ image: Source, _ weights: Source, _ weightStride: Int,
    _ bias: Source?, _ output: Destination, _ windows: Windows, _ outputs: Int, _ images: ImageStack, _ adds: Bool
) {
    let taps = Taps(windows)
    let places = Places(windows)
    let pixelStride = places.pixelStride
    let lines = places.planes &* places.rows
    for number in 0..<images.count &* lines {
        let (index, line) = number.quotientAndRemainder(dividingBy: lines)
        let (plane, row) = line.quotientAndRemainder(dividingBy: places.rows)
        let source = image + (index &* images.inputStride &+ plane &* places.planeStride &+ row &* places.rowStride)
        let target = output + (index &* images.outputStride &+ line &* places.columns &* outputs)
        var column = 0
        while column &+ pixels <= places.columns {
            let place = target + column &* outputs
            ForwardTile<pixels, vectors, count>.compute(
                source + column &* pixelStride, pixelStride, taps, weights, weightStride, outputs,
                adds ? Source(place) : bias, adds ? outputs : 0, place)
            column &+= pixels
        }
        while column < places.columns {
            let place = target + column &* outputs
            ForwardTile<1, vectors, vectors>.compute(
                source + column &* pixelStride, pixelStride, taps, weights, weightStride, outputs,
                adds ? Source(place) : bias, adds ? outputs : 0, place)
            column &+= 1
        }
    }
}

/// As many output channels as the largest tile has.
#if AVX512
let directBlock = 4 * Vector.scalarCount
#else
let directBlock = 2 * Vector.scalarCount
#endif

func direct(
    _ image: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ windows: Windows, _ outputs: Int,
    _ images: ImageStack, _ adds: Bool
) {
    var channel = 0
    while channel < outputs {
        let first = channel / directBlock &* directBlock
        let width = min(directBlock, outputs &- first)
        let left = (first &+ width &- channel) / Vector.scalarCount
        let weights = weights + (first &* windows.packedCount &+ channel &- first)
        let (bias, output) = (bias.map { $0 + channel }, output + channel)
        #if AVX512
        if left >= 4 {
            forwardBlock(
                ForwardTile<4, 4, 16>.self, image, weights, width, bias, output, windows, outputs, images, adds)
            channel &+= 4 &* Vector.scalarCount
            continue
        }
        if left >= 2 {
            forwardBlock(
                ForwardTile<8, 2, 16>.self, image, weights, width, bias, output, windows, outputs, images, adds)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        #else
        // Sixteen registers: twelve sums, two filters, one broadcast value.
        if left >= 2 {
            forwardBlock(
                ForwardTile<6, 2, 12>.self, image, weights, width, bias, output, windows, outputs, images, adds)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        #endif
        forwardBlock(ForwardTile<8, 1, 8>.self, image, weights, width, bias, output, windows, outputs, images, adds)
        channel &+= Vector.scalarCount
    }
}

private struct WeightTile<let taps: Int, let vectors: Int, let count: Int> {
    /// Adds the gradient of `taps` neighbouring rows of weights for `vectors` vectors of channels, over all pixels.
    @inline(__always)
    static func add(
        _ image: Source, _ dy: Source, _ places: Places, _ outputs: Int, _ images: ImageStack, _ target: Destination
    ) {
        var sums: InlineArray<count, Vector> = zeros()
        let lines = places.planes &* places.rows
        for number in 0..<images.count &* lines {
            let (index, line) = number.quotientAndRemainder(dividingBy: lines)
            let (plane, row) = line.quotientAndRemainder(dividingBy: places.rows)
            var pixel = image + (index &* images.inputStride &+ plane &* places.planeStride &+ row &* places.rowStride)
            var gradient = dy + (index &* images.outputStride &+ line &* places.columns &* outputs)
            for _ in 0..<places.columns {
                var filter = InlineArray<vectors, Vector>(repeating: .zero)
                for v in 0..<vectors { filter[unchecked: v] = load(gradient + v &* Vector.scalarCount) }
                for t in 0..<taps {
                    let value = Vector(repeating: pixel[t])
                    for v in 0..<vectors {
                        let index = t &* vectors &+ v
                        sums[unchecked: index] = multiplyAdd(filter[unchecked: v], value, sums[unchecked: index])
                    }
                }
                gradient += outputs
                pixel += places.pixelStride
            }
        }
        for t in 0..<taps {
            for v in 0..<vectors {
                let place = target + (t &* outputs &+ v &* Vector.scalarCount)
                store(load(place) + sums[unchecked: t &* vectors &+ v], place)
            }
        }
    }
}

/// All taps for one block of `vectors` vectors of channels: as many as fit in tiles of `most`, then of `few`, then one.
@inline(__always)
private func weightBlock<let most: Int, let few: Int, let vectors: Int, let mostCount: Int, let fewCount: Int>(
    _ large: WeightTile<most, vectors, mostCount>.Type, _ small: WeightTile<few, vectors, fewCount>.Type,
    _ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows, _ outputs: Int, _ images: ImageStack
) {
    let taps = Taps(windows)
    let places = Places(windows)
    var target = dWeights
    for plane in 0..<taps.planes {
        for row in 0..<taps.rows {
            for group in 0..<taps.groups {
                let base = image + (plane &* taps.planeStride &+ row &* taps.rowStride &+ group &* taps.groupStride)
                var tap = 0
                while tap &+ most <= taps.run {
                    WeightTile<most, vectors, mostCount>.add(
                        base + tap, dy, places, outputs, images, target + tap &* outputs)
                    tap &+= most
                }
                while tap &+ few <= taps.run {
                    WeightTile<few, vectors, fewCount>.add(
                        base + tap, dy, places, outputs, images, target + tap &* outputs)
                    tap &+= few
                }
                while tap < taps.run {
                    WeightTile<1, vectors, vectors>.add(
                        base + tap, dy, places, outputs, images, target + tap &* outputs)
                    tap &+= 1
                }
                target += taps.run &* outputs
            }
        }
    }
}

func directWeightGradient(
    _ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows, _ outputs: Int, _ images: ImageStack
) {
    var channel = 0
    while channel < outputs {
        let left = (outputs &- channel) / Vector.scalarCount
        let (dy, dWeights) = (dy + channel, dWeights + channel)
        #if AVX512
        if left >= 4 {
            weightBlock(
                WeightTile<6, 4, 24>.self, WeightTile<3, 4, 12>.self, image, dy, dWeights, windows, outputs, images)
            channel &+= 4 &* Vector.scalarCount
            continue
        }
        if left >= 2 {
            weightBlock(
                WeightTile<12, 2, 24>.self, WeightTile<3, 2, 6>.self, image, dy, dWeights, windows, outputs, images)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        weightBlock(WeightTile<24, 1, 24>.self, WeightTile<9, 1, 9>.self, image, dy, dWeights, windows, outputs, images)
        #else
        if left >= 2 {
            weightBlock(
                WeightTile<6, 2, 12>.self, WeightTile<3, 2, 6>.self, image, dy, dWeights, windows, outputs, images)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        weightBlock(WeightTile<12, 1, 12>.self, WeightTile<9, 1, 9>.self, image, dy, dWeights, windows, outputs, images)
        #endif
        channel &+= Vector.scalarCount
    }
}

func pad(_ image: Source, _ padded: Destination, _ input: Volume, _ channels: Int, _ margin: Volume) {
    let line = input.width &* channels
    let side = margin.width &* channels
    let paddedLine = line &+ 2 &* side
    let planeMargin = margin.depth &* (input.height &+ 2 &* margin.height) &* paddedLine
    let rowMargin = margin.height &* paddedLine
    var (source, target) = (image, padded)
    func zeros(_ count: Int) {
        target.update(repeating: 0, count: count)
        target += count
    }
    zeros(planeMargin)
    for _ in 0..<input.depth {
        zeros(rowMargin)
        for _ in 0..<input.height {
            // Loops for short lines and the few zeros at the sides: a call costs more.
            for i in 0..<side { target[i] = 0 }
            forEachVector(line) { offset, lanes in
                write(read(source + offset, lanes), target + (side &+ offset), lanes)
            }
            for i in 0..<side { target[side &+ line &+ i] = 0 }
            source += line
            target += paddedLine
        }
        zeros(rowMargin)
    }
    zeros(planeMargin)
}

func flipWeights(_ packed: Source, _ flipped: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int) {
    for tap in 0..<taps {
        transpose(
            packed + tap &* inputs &* outputs, flipped + (taps &- 1 &- tap) &* inputs &* outputs, inputs, outputs, false
        )
    }
}
