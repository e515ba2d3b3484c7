import Kernels

// Convolution without packing: a tile of `pixels` × `vectors` accumulators stays in registers while the taps of the
// windows pass. The image has its zeros around it, so no tap needs a test. Each output is one chain of additions in the
// order of the taps, whatever the tile, so tiles do not change bits.

/// Where the taps of one window lie: `rows` × `groups` runs of `run` neighbouring floats.
private struct Taps {
    let rows, rowStride, groups, groupStride, run: Int

    init(_ windows: Windows) {
        rows = windows.kernelHeight
        rowStride = windows.dilation &* windows.width &* windows.channels
        // Without dilation the taps of a row are neighbours.
        groups = windows.dilation == 1 ? 1 : windows.kernelWidth
        groupStride = windows.dilation &* windows.channels
        run = windows.dilation == 1 ? windows.kernelWidth &* windows.channels : windows.channels
    }
}

private struct ForwardTile<let pixels: Int, let vectors: Int, let count: Int> {
    /// Computes `pixels` neighbouring outputs of `vectors` vectors of channels; `initial` is where the sums begin.
    @inline(__always)
    static func compute(
        _ image: Source, _ pixelStride: Int, _ taps: Taps, _ weights: Source, _ outputs: Int, _ initial: Source?,
        _ initialStride: Int, _ output: Destination
    ) {
        var sums = InlineArray<count, Vector>(repeating: .zero)
        if let initial {
            for p in 0..<pixels {
                for v in 0..<vectors {
                    sums[unchecked: p &* vectors &+ v] = load(initial + (p &* initialStride &+ v &* Vector.scalarCount))
                }
            }
        }
        var weight = weights
        for row in 0..<taps.rows {
            for group in 0..<taps.groups {
                let base = image + (row &* taps.rowStride &+ group &* taps.groupStride)
                for i in 0..<taps.run {
                    var filter = InlineArray<vectors, Vector>(repeating: .zero)
                    for v in 0..<vectors { filter[unchecked: v] = load(weight + v &* Vector.scalarCount) }
                    for p in 0..<pixels {
                        let value = Vector(repeating: base[p &* pixelStride &+ i])
                        for v in 0..<vectors {
                            let index = p &* vectors &+ v
                            sums[unchecked: index] = multiplyAdd(filter[unchecked: v], value, sums[unchecked: index])
                        }
                    }
                    weight += outputs
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

/// All pixels of one image for one block of `vectors` vectors of channels.
@inline(__always)
private func forwardBlock<let pixels: Int, let vectors: Int, let count: Int>(
    _ tile: ForwardTile<pixels, vectors, count>.Type, _ image: Source, _ weights: Source, _ bias: Source?,
    _ output: Destination, _ windows: Windows, _ outputs: Int, _ adds: Bool
) {
    let taps = Taps(windows)
    let pixelStride = windows.stride &* windows.channels
    let width = windows.outputWidth
    for row in 0..<windows.outputHeight {
        let line = image + row &* windows.stride &* windows.width &* windows.channels
        let target = output + row &* width &* outputs
        var column = 0
        while column &+ pixels <= width {
            let place = target + column &* outputs
            ForwardTile<pixels, vectors, count>.compute(
                line + column &* pixelStride, pixelStride, taps, weights, outputs, adds ? Source(place) : bias,
                adds ? outputs : 0, place)
            column &+= pixels
        }
        while column < width {
            let place = target + column &* outputs
            ForwardTile<1, vectors, vectors>.compute(
                line + column &* pixelStride, pixelStride, taps, weights, outputs, adds ? Source(place) : bias,
                adds ? outputs : 0, place)
            column &+= 1
        }
    }
}

func direct(
    _ image: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ windows: Windows, _ outputs: Int,
    _ adds: Bool
) {
    var channel = 0
    while channel < outputs {
        let left = (outputs &- channel) / Vector.scalarCount
        let (weights, bias, output) = (weights + channel, bias.map { $0 + channel }, output + channel)
        #if AVX512
        if left >= 4 {
            forwardBlock(ForwardTile<4, 4, 16>.self, image, weights, bias, output, windows, outputs, adds)
            channel &+= 4 &* Vector.scalarCount
            continue
        }
        if left >= 2 {
            forwardBlock(ForwardTile<8, 2, 16>.self, image, weights, bias, output, windows, outputs, adds)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        forwardBlock(ForwardTile<8, 1, 8>.self, image, weights, bias, output, windows, outputs, adds)
        #else
        // Sixteen registers: twelve sums, two filters, one broadcast value.
        if left >= 2 {
            forwardBlock(ForwardTile<6, 2, 12>.self, image, weights, bias, output, windows, outputs, adds)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        forwardBlock(ForwardTile<8, 1, 8>.self, image, weights, bias, output, windows, outputs, adds)
        #endif
        channel &+= Vector.scalarCount
    }
}

private struct WeightTile<let taps: Int, let vectors: Int, let count: Int> {
    /// Adds the gradient of `taps` neighbouring rows of weights for `vectors` vectors of channels, over all pixels.
    @inline(__always)
    static func add(
        _ image: Source, _ dy: Source, _ windows: Windows, _ outputs: Int, _ target: Destination
    ) {
        var sums = InlineArray<count, Vector>(repeating: .zero)
        let pixelStride = windows.stride &* windows.channels
        let lineStride = windows.stride &* windows.width &* windows.channels
        var gradient = dy
        for row in 0..<windows.outputHeight {
            var pixel = image + row &* lineStride
            for _ in 0..<windows.outputWidth {
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
                pixel += pixelStride
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
    _ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows, _ outputs: Int
) {
    let taps = Taps(windows)
    for row in 0..<taps.rows {
        for group in 0..<taps.groups {
            let base = image + (row &* taps.rowStride &+ group &* taps.groupStride)
            let target = dWeights + (row &* taps.groups &+ group) &* taps.run &* outputs
            var tap = 0
            while tap &+ most <= taps.run {
                WeightTile<most, vectors, mostCount>.add(base + tap, dy, windows, outputs, target + tap &* outputs)
                tap &+= most
            }
            while tap &+ few <= taps.run {
                WeightTile<few, vectors, fewCount>.add(base + tap, dy, windows, outputs, target + tap &* outputs)
                tap &+= few
            }
            while tap < taps.run {
                WeightTile<1, vectors, vectors>.add(base + tap, dy, windows, outputs, target + tap &* outputs)
                tap &+= 1
            }
        }
    }
}

func directWeightGradient(
    _ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows, _ outputs: Int
) {
    var channel = 0
    while channel < outputs {
        let left = (outputs &- channel) / Vector.scalarCount
        let (dy, dWeights) = (dy + channel, dWeights + channel)
        #if AVX512
        if left >= 4 {
            weightBlock(
                WeightTile<6, 4, 24>.self, WeightTile<3, 4, 12>.self, image, dy, dWeights, windows, outputs)
            channel &+= 4 &* Vector.scalarCount
            continue
        }
        if left >= 2 {
            weightBlock(
                WeightTile<12, 2, 24>.self, WeightTile<3, 2, 6>.self, image, dy, dWeights, windows, outputs)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        weightBlock(WeightTile<24, 1, 24>.self, WeightTile<9, 1, 9>.self, image, dy, dWeights, windows, outputs)
        #else
        if left >= 2 {
            weightBlock(
                WeightTile<6, 2, 12>.self, WeightTile<3, 2, 6>.self, image, dy, dWeights, windows, outputs)
            channel &+= 2 &* Vector.scalarCount
            continue
        }
        weightBlock(WeightTile<12, 1, 12>.self, WeightTile<9, 1, 9>.self, image, dy, dWeights, windows, outputs)
        #endif
        channel &+= Vector.scalarCount
    }
}

func pad(_ image: Source, _ padded: Destination, _ height: Int, _ width: Int, _ channels: Int, _ margin: Int) {
    let line = (width &+ 2 &* margin) &* channels
    let side = margin &* channels
    padded.update(repeating: 0, count: margin &* line)
    for row in 0..<height {
        let target = padded + (row &+ margin) &* line
        for i in 0..<side { target[i] = 0 }
        (target + side).update(from: image + row &* width &* channels, count: width &* channels)
        for i in 0..<side { target[side &+ width &* channels &+ i] = 0 }
    }
    (padded + (height &+ margin) &* line).update(repeating: 0, count: margin &* line)
}

func flipWeights(_ packed: Source, _ flipped: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int) {
    for tap in 0..<taps {
        transpose(
            packed + tap &* inputs &* outputs, flipped + (taps &- 1 &- tap) &* inputs &* outputs, inputs, outputs, false
        )
    }
}
