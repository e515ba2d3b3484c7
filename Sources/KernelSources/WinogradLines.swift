import Kernels

// Winograd's algorithm F(4, 3) along the lines of images with few channels: half the direct method's multiplications.
// Sums stay in registers from the first tap to the output; tiles in two dimensions do not pay for so few channels.

/// Tiles of four outputs whose sums fit into registers.
#if AVX512
private let tilesAtOnce = 4
private typealias Tiles = LineTiles<4, 24>
#else
private let tilesAtOnce = 2
private typealias Tiles = LineTiles<2, 12>
#endif

func winogradTransformLineWeights(
    _ packed: Source, _ transformed: Destination, _ windows: Windows, _ outputs: Int
) {
    let tap = windows.channels &* outputs
    for row in 0..<windows.kernel.height {
        for channel in 0..<windows.channels {
            var output = 0
            while output < outputs {
                let g = packed + ((3 &* row &* windows.channels &+ channel) &* outputs &+ output)
                let place = (row &* windows.channels &+ channel) &* 6 &* outputs &+ output
                storeSix(transformTaps((load(g), load(g + tap), load(g + 2 &* tap))), transformed + place, outputs)
                output &+= Vector.scalarCount
            }
        }
    }
}

func winogradConvolveLines(
    _ padded: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ windows: Windows, _ outputs: Int,
    _ images: ImageStack, _ scratch: Destination
) {
    // Once for colours, so that the loops know how many there are.
    if windows.channels == 3 {
        convolveLines(padded, weights, bias, output, windows, 3, outputs, images, scratch)
    } else {
        convolveLines(padded, weights, bias, output, windows, windows.channels, outputs, images, scratch)
    }
}

@inline(__always)
private func convolveLines(
    _ padded: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ windows: Windows, _ channels: Int,
    _ outputs: Int, _ images: ImageStack, _ scratch: Destination
) {
    let (height, columns) = (windows.kernel.height, windows.output.width)
    let (inputLine, plane) = (windows.input.width &* channels, windows.transformedLine)
    for image in 0..<images.count {
        let source = padded + image &* images.inputStride
        for line in 0..<height &- 1 {
            transformLine(source + line &* inputLine, scratch + line &* 6 &* plane, plane, channels)
        }
        for row in 0..<windows.output.height {
            // A line's transform lasts for the rows of windows that it belongs to.
            let newest = row &+ height &- 1
            transformLine(source + newest &* inputLine, scratch + newest % height &* 6 &* plane, plane, channels)
            let oldest = row % height
            let target = output + (image &* images.outputStride &+ row &* columns &* outputs)
            var first = 0
            while first < outputs {
                let initial = bias.map { load($0 + first) } ?? .zero
                var column = 0
                while column &+ 4 &* tilesAtOnce <= columns {
                    Tiles.compute(
                        scratch, plane, oldest, height, column, channels, weights + first, initial,
                        target + (column &* outputs &+ first), outputs)
                    column &+= 4 &* tilesAtOnce
                }
                while column < columns {
                    LineTiles<1, 6>.compute(
                        scratch, plane, oldest, height, column, channels, weights + first, initial,
                        target + (column &* outputs &+ first), outputs)
                    column &+= 4
                }
                first &+= Vector.scalarCount
            }
        }
    }
}

/// Bᵀ d from every pixel of a line on; only those where tiles begin are used, every fourth.
@inline(__always)
private func transformLine(_ line: Source, _ target: Destination, _ plane: Int, _ channels: Int) {
    var offset = 0
    while offset < plane {
        storeSix(transformInputs(loadSix(line + offset, channels)), target + offset, plane)
        offset &+= Vector.scalarCount
    }
}

private struct LineTiles<let tiles: Int, let count: Int> {
    /// Computes four pixels of one vector of outputs for each of neighbouring tiles, the first one at `column`; the lines take
    /// turns in their `height` places, `oldest` being the first row's.
    @inline(__always)
    static func compute(
        _ lines: Source, _ plane: Int, _ oldest: Int, _ height: Int, _ column: Int, _ channels: Int, _ weights: Source,
        _ initial: Vector, _ output: Destination, _ outputs: Int
    ) {
        var sums: InlineArray<count, Vector> = zeros()
        var weight = weights
        for i in 0..<height {
            let place = oldest &+ i < height ? oldest &+ i : oldest &+ i &- height
            let line = lines + (place &* 6 &* plane &+ column &* channels)
            for channel in 0..<channels {
                for k in 0..<6 {
                    let filter = load(weight)
                    weight += outputs
                    let values = line + (k &* plane &+ channel)
                    for tile in 0..<tiles {
                        let index = tile &* 6 &+ k
                        sums[unchecked: index] = multiplyAdd(
                            filter, Vector(repeating: values[4 &* tile &* channels]), sums[unchecked: index])
                    }
                }
            }
        }
        for tile in 0..<tiles {
            let first = tile &* 6
            let y = restoreOutputs(
                (
                    sums[unchecked: first], sums[unchecked: first &+ 1], sums[unchecked: first &+ 2],
                    sums[unchecked: first &+ 3], sums[unchecked: first &+ 4], sums[unchecked: first &+ 5]
                ))
            let place = output + 4 &* tile &* outputs
            store(y.0 + initial, place)
            store(y.1 + initial, place + outputs)
            store(y.2 + initial, place + 2 &* outputs)
            store(y.3 + initial, place + 3 &* outputs)
        }
    }
}
