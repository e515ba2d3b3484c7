import Kernels

// Depthwise convolution with 3×3 taps, stride 1 and one pixel of padding: a window slides along a row of the image and
// loads three new pixels for each step.

extension Windows {
    /// Whether the loops below serve the windows; see also ``areSmallSquares``.
    var slide: Bool { areSmallSquares && stride == 1 && dilation == 1 && padding == [0, 1, 1] }
}

/// A pixel and those above and below it.
private struct Column {
    var above = Vector.zero
    var middle = Vector.zero
    var below = Vector.zero
}

/// Calls `body` for each pixel of a row with the three columns around it, zeros outside the image.
@inline(__always)
private func forEachWindow(
    _ pixels: Source, _ down: Int, _ right: Int, _ width: Int, _ hasAbove: Bool, _ hasBelow: Bool,
    _ body: (_ column: Int, _ left: Column, _ middle: Column, _ right: Column) -> Void
) {
    func column(_ place: Source) -> Column {
        Column(
            above: hasAbove ? load(place - down) : .zero, middle: load(place),
            below: hasBelow ? load(place + down) : .zero)
    }
    var left = Column()
    var middle = column(pixels)
    for index in 0..<width &- 1 {
        let next = column(pixels + (index &+ 1) &* right)
        body(index, left, middle, next)
        left = middle
        middle = next
    }
    body(width &- 1, left, middle, Column())
}

/// Calls `body` for each pixel of a row, with and without rows above and below known when it is compiled.
@inline(__always)
private func forEachWindow(
    _ image: Source, _ row: Int, _ windows: Windows,
    _ body: (_ column: Int, _ left: Column, _ middle: Column, _ right: Column) -> Void
) {
    let (width, height, channels) = (windows.input.width, windows.input.height, windows.channels)
    let (pixels, down) = (image + row &* width &* channels, width &* channels)
    if row > 0 && row < height &- 1 {
        forEachWindow(pixels, down, channels, width, true, true, body)
    } else {
        forEachWindow(pixels, down, channels, width, row > 0, row < height &- 1, body)
    }
}

@inline(__always)
func slideSquares(
    _ image: Source, _ output: Destination, _ windows: Windows, _ adds: Bool,
    _ filter: (_ channel: Int) -> InlineArray<9, Vector>
) {
    let channels = windows.channels
    for row in 0..<windows.input.height {
        var c = 0
        while c < channels {
            let taps = filter(c)
            let target = output + (row &* windows.input.width &* channels &+ c)
            forEachWindow(image + c, row, windows) { column, left, middle, right in
                // Three chains of sums, because one would wait for itself.
                let a = weigh(left, taps[unchecked: 0], taps[unchecked: 3], taps[unchecked: 6])
                let b = weigh(middle, taps[unchecked: 1], taps[unchecked: 4], taps[unchecked: 7])
                let d = weigh(right, taps[unchecked: 2], taps[unchecked: 5], taps[unchecked: 8])
                let place = target + column &* channels
                store(adds ? load(place) + (a + b + d) : a + b + d, place)
            }
            c &+= Vector.scalarCount
        }
    }
}

@inline(__always)
private func weigh(_ column: Column, _ above: Vector, _ middle: Vector, _ below: Vector) -> Vector {
    multiplyAdd(column.below, below, multiplyAdd(column.middle, middle, column.above * above))
}

func slideSquaresWeightGradient(_ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows) {
    let channels = windows.channels
    var c = 0
    while c < channels {
        var sums = InlineArray<9, Vector>(repeating: .zero)
        for row in 0..<windows.input.height {
            let gradients = dy + (row &* windows.input.width &* channels &+ c)
            forEachWindow(image + c, row, windows) { column, left, middle, right in
                let gradient = load(gradients + column &* channels)
                sums[unchecked: 0] = multiplyAdd(left.above, gradient, sums[unchecked: 0])
                sums[unchecked: 1] = multiplyAdd(middle.above, gradient, sums[unchecked: 1])
                sums[unchecked: 2] = multiplyAdd(right.above, gradient, sums[unchecked: 2])
                sums[unchecked: 3] = multiplyAdd(left.middle, gradient, sums[unchecked: 3])
                sums[unchecked: 4] = multiplyAdd(middle.middle, gradient, sums[unchecked: 4])
                sums[unchecked: 5] = multiplyAdd(right.middle, gradient, sums[unchecked: 5])
                sums[unchecked: 6] = multiplyAdd(left.below, gradient, sums[unchecked: 6])
                sums[unchecked: 7] = multiplyAdd(middle.below, gradient, sums[unchecked: 7])
                sums[unchecked: 8] = multiplyAdd(right.below, gradient, sums[unchecked: 8])
            }
        }
        for tap in 0..<9 {
            let place = dWeights + (tap &* channels &+ c)
            store(load(place) + sums[unchecked: tap], place)
        }
        c &+= Vector.scalarCount
    }
}
