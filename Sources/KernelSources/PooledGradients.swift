import CIntrinsics
import Kernels

// The gradients of a 3×3 convolution with whole vectors of input channels where max pooling in quarters came after it. Of a
// pooling window's four pixels only the winner has a gradient, so each output channel has one window of the input to deal
// with: a quarter of the multiplications, as many as Winograd's tiles of 4×4 need, without its transforms and with the
// direct method's accuracy. Channels of a pixel are neighbours, so where the winner is costs an address and nothing else.

/// Floats of the rows of an image that are read again for each output channel: half of a first-level cache.
private let stripElements = 1 << 12

func pooledWeightGradient(
    _ image: Source, _ dy: Source, _ taps: UnsafePointer<Int8>, _ dWeights: Destination, _ windows: Windows,
    _ outputs: Int, _ scratch: Destination
) {
    let quarters = Quarters(windows, outputs)
    let strip = max(1, (stripElements / quarters.line &- 2) / 2)
    var row = 0
    while row < quarters.rows {
        let rows = row..<min(row &+ strip, quarters.rows)
        quarters.findWinners(dy, taps, rows, scratch)
        for output in 0..<outputs {
            var channel = 0
            while channel < windows.channels {
                quarters.addWeights(
                    image + channel, scratch, rows, output, dWeights + (output &* windows.packedCount &+ channel))
                channel &+= Vector.scalarCount
            }
        }
        row = rows.upperBound
    }
}

func pooledInputGradient(
    _ dy: Source, _ taps: UnsafePointer<Int8>, _ weights: Source, _ dImage: Destination, _ windows: Windows,
    _ outputs: Int, _ adds: Bool, _ scratch: Destination
) {
    let quarters = Quarters(windows, outputs)
    let count = quarters.rows &* quarters.columns &* outputs
    if !adds { dImage.update(repeating: 0, count: windows.inputCount) }
    scratch.withMemoryRebound(to: UInt32.self, capacity: count / Winners.group &* 4) { winners in
        for group in 0..<count / Winners.group { Winners.find(taps + group &* Winners.group, winners + group &* 4) }
        var channel = 0
        while channel < windows.channels {
            for row in 0..<quarters.rows {
                quarters.addRow(dy, winners, weights + channel, dImage + channel, windows, row)
            }
            channel &+= Vector.scalarCount
        }
    }
}

/// The windows of pooling on the windows of a convolution.
private struct Quarters {
    let rows, columns, line: Int
    private let channels, outputs: Int

    init(_ windows: Windows, _ outputs: Int) {
        rows = windows.output.height / 2
        columns = windows.output.width / 2
        channels = windows.channels
        line = windows.input.width &* windows.channels
        self.outputs = outputs
    }

    /// Writes the gradients of the winners of some rows, zeros where nobody won, and behind them where each winner's window
    /// begins in the image.
    @inline(__always)
    func findWinners(_ dy: Source, _ taps: UnsafePointer<Int8>, _ rows: Range<Int>, _ scratch: Destination) {
        let (right, down) = (Int32(truncatingIfNeeded: channels), Int32(truncatingIfNeeded: line))
        let starts = scratch + rows.count &* columns &* outputs
        var place = 0
        for row in rows {
            for column in 0..<columns {
                let first = Int32(truncatingIfNeeded: 2 &* (row &* line &+ column &* channels))
                let source = (row &* columns &+ column) &* outputs
                var output = 0
                while output < outputs {
                    let tap = load_bytes(taps + (source &+ output))
                    let start = (0 &- (tap &>> 1 & 1)) & down &+ (0 &- (tap & 1)) & right
                    store(winners(load(dy + (source &+ output)), tap), scratch + place)
                    store(unsafeBitCast((start & ~(tap &>> 31)) &+ first, to: Vector.self), starts + place)
                    place &+= Vector.scalarCount
                    output &+= Vector.scalarCount
                }
            }
        }
    }

    /// Adds the gradient of the weights of one output and a vector of channels over some rows.
    @inline(__always)
    func addWeights(
        _ image: Source, _ scratch: Source, _ rows: Range<Int>, _ output: Int, _ target: Destination
    ) {
        let count = rows.count &* columns
        let starts = UnsafeRawPointer(scratch + count &* outputs).assumingMemoryBound(to: Int32.self)
        var sums: InlineArray<9, Vector> = zeros()
        var place = output
        for _ in 0..<count {
            let gradient = Vector(repeating: scratch[place])
            let window = image + Int(starts[place])
            for tap in 0..<9 {
                let pixel = window + (tap / 3 &* line &+ tap % 3 &* channels)
                sums[unchecked: tap] = multiplyAdd(gradient, load(pixel), sums[unchecked: tap])
            }
            place &+= outputs
        }
        for tap in 0..<9 {
            let place = target + tap &* channels
            store(load(place) + sums[unchecked: tap], place)
        }
    }

    /// Adds the gradient of a vector of channels of the pixels under a row of pooling windows.
    @inline(__always)
    func addRow(
        _ dy: Source, _ winners: UnsafePointer<UInt32>, _ weights: Source, _ dImage: Destination, _ windows: Windows,
        _ row: Int
    ) {
        let top = 2 &* row &- windows.padding.height
        var patch = Patch()
        for column in 0...columns {
            if column < columns {
                var place = (row &* columns &+ column) &* outputs
                var source = weights
                for _ in 0..<outputs / Winners.group {
                    let sets = winners + place / Winners.group &* 4
                    patch.add(Corner<0, 0>.self, sets[0], dy + place, source, channels)
                    patch.add(Corner<0, 1>.self, sets[1], dy + place, source, channels)
                    patch.add(Corner<1, 0>.self, sets[2], dy + place, source, channels)
                    patch.add(Corner<1, 1>.self, sets[3], dy + place, source, channels)
                    place &+= Winners.group
                    source += Winners.group &* 9 &* channels
                }
            }
            patch.moveOn(dImage, windows, top: top, left: 2 &* column &- windows.padding.width)
        }
    }
}

/// Which output channels' gradients belong to which of a pooling window's four pixels, as sets of bits.
private enum Winners {
    /// Channels of a set.
    static let group = 32

    /// Writes the sets of the four pixels.
    @inline(__always)
    static func find(_ taps: UnsafePointer<Int8>, _ sets: UnsafeMutablePointer<UInt32>) {
        for tap in 0..<4 { sets[tap] = bytes_equal(taps, Int8(truncatingIfNeeded: tap)) }
    }
}

/// The place of a pixel in its pooling window.
private enum Corner<let row: Int, let column: Int> {}

/// The gradients of a vector of channels of the 4×4 pixels under a pooling window.
private struct Patch {
    private var sums: InlineArray<16, Vector> = zeros()

    /// Adds the gradients of the outputs in `set`, whose winner is in one corner.
    @inline(__always)
    mutating func add<let row: Int, let column: Int>(
        _ corner: Corner<row, column>.Type, _ set: UInt32, _ dy: Source, _ weights: Source, _ channels: Int
    ) {
        var left = set
        while left != 0 {
            let output = left.trailingZeroBitCount
            left &= left &- 1
            let gradient = Vector(repeating: dy[output])
            let source = weights + output &* 9 &* channels
            for tap in 0..<9 {
                let place = (tap / 3 &+ row) &* 4 &+ tap % 3 &+ column
                sums[unchecked: place] = multiplyAdd(gradient, load(source + tap &* channels), sums[unchecked: place])
            }
        }
    }

    /// Adds the two columns on the left to the image, as far as they lie on it, and moves two columns to the right.
    @inline(__always)
    mutating func moveOn(_ dImage: Destination, _ windows: Windows, top: Int, left: Int) {
        let (height, width) = (windows.input.height, windows.input.width)
        for pixel in 0..<8 {
            let (row, column) = (top &+ pixel / 2, left &+ pixel % 2)
            let place = pixel / 2 &* 4 &+ pixel % 2
            if row >= 0 && row < height && column >= 0 && column < width {
                let target = dImage + (row &* width &+ column) &* windows.channels
                store(load(target) + sums[unchecked: place], target)
            }
            sums[unchecked: place] = sums[unchecked: place &+ 2]
            sums[unchecked: place &+ 2] = .zero
        }
    }
}
