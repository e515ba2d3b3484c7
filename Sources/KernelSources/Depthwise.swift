import Kernels

// Depthwise convolution of images with 3×3 taps and whole vectors of channels: a vector's weights, or their gradients,
// stay in registers while a row, or an image, passes.

extension Windows {
    /// Whether the loops below serve the windows.
    var areSmallSquares: Bool {
        kernel == Volume(depth: 1, height: 3, width: 3) && input.depth == 1 && padding.depth == 0
            && channels % Vector.scalarCount == 0
    }
}

/// Which of three taps, the first of which is at `first`, lie inside 0 ..< `size`.
@inline(__always)
private func tapsInside(_ first: Int, _ step: Int, _ size: Int) -> Range<Int> {
    var lower = 0
    while lower < 3 && first &+ lower &* step < 0 { lower &+= 1 }
    var upper = 3
    while upper > lower && first &+ (upper &- 1) &* step >= size { upper &-= 1 }
    return lower..<upper
}

/// Calls `body` for each row of windows with the rows of taps inside the image.
@inline(__always)
private func forEachRow(_ windows: Windows, _ body: (_ row: Int, _ firstRow: Int, _ taps: Range<Int>) -> Void) {
    for row in 0..<windows.output.height {
        let first = row &* windows.stride.height &- windows.padding.height
        body(row, first, tapsInside(first, windows.dilation.height, windows.input.height))
    }
}

/// The columns of windows whose taps all lie inside the image.
@inline(__always)
private func columnsInside(_ windows: Windows) -> Range<Int> {
    let (padding, stride) = (windows.padding.width, windows.stride.width)
    let first = (padding &+ stride &- 1) / stride
    let room = windows.input.width &+ padding &- 1 &- 2 &* windows.dilation.width
    let end = room < 0 ? 0 : min(room / stride &+ 1, windows.output.width)
    return min(first, end)..<end
}

/// Nine neighbours.
private typealias Nine = InlineArray<9, Vector>

/// The pixels of a window: columns `right` and lines `down` apart.
@inline(__always)
private func loadNine(_ corner: Source, _ down: Int, _ right: Int) -> Nine {
    var pixels = Nine(repeating: .zero)
    for i in 0..<3 {
        for j in 0..<3 { pixels[unchecked: 3 &* i &+ j] = load(corner + (i &* down &+ j &* right)) }
    }
    return pixels
}

/// The same where some pixels lie outside the image and count as zeros.
@inline(__always)
private func loadInside(
    _ image: Source, _ row: Int, _ column: Int, _ rows: Range<Int>, _ windows: Windows
) -> Nine {
    var pixels = Nine(repeating: .zero)
    let columns = tapsInside(column, windows.dilation.width, windows.input.width)
    for i in rows {
        let line = (row &+ i &* windows.dilation.height) &* windows.input.width &+ column
        for j in columns {
            pixels[unchecked: 3 &* i &+ j] = load(image + (line &+ j &* windows.dilation.width) &* windows.channels)
        }
    }
    return pixels
}

/// Three chains of sums, because one would wait for itself.
@inline(__always)
private func weigh(_ pixels: Nine, _ filter: Nine) -> Vector {
    var sums = InlineArray<3, Vector>(repeating: .zero)
    for i in 0..<3 {
        for j in 0..<3 {
            let tap = 3 &* j &+ i
            sums[unchecked: i] = multiplyAdd(pixels[unchecked: tap], filter[unchecked: tap], sums[unchecked: i])
        }
    }
    return sums[unchecked: 0] + sums[unchecked: 1] + sums[unchecked: 2]
}

func depthwiseSquares(_ image: Source, _ weights: Source, _ output: Destination, _ windows: Windows) {
    if windows.slide {
        return slideSquares(image, output, windows, false) {
            loadNine(weights + $0, 3 &* windows.channels, windows.channels)
        }
    }
    let channels = windows.channels
    let (down, right) = (
        windows.dilation.height &* windows.input.width &* channels, windows.dilation.width &* channels
    )
    let inside = columnsInside(windows)
    forEachRow(windows) { row, firstRow, rowTaps in
        let inside = rowTaps.count == 3 ? inside : 0..<0
        var c = 0
        while c < channels {
            let filter = loadNine(weights + c, 3 &* channels, channels)
            let target = output + (row &* windows.output.width &* channels &+ c)
            for column in 0..<windows.output.width {
                let first = column &* windows.stride.width &- windows.padding.width
                let pixels =
                    column >= inside.lowerBound && column < inside.upperBound
                    ? loadNine(image + ((firstRow &* windows.input.width &+ first) &* channels &+ c), down, right)
                    : loadInside(image + c, firstRow, first, rowTaps, windows)
                store(weigh(pixels, filter), target + column &* channels)
            }
            c &+= Vector.scalarCount
        }
    }
}

/// The gradient of the image, row by row of the image: of each pixel all windows that hold it.
func depthwiseSquaresInputGradient(
    _ dy: Source, _ weights: Source, _ dImage: Destination, _ windows: Windows, _ adds: Bool
) {
    let (channels, output) = (windows.channels, windows.output)
    if windows.slide {
        // The convolution of the output's gradient with the reversed filter.
        return slideSquares(dy, dImage, windows, adds) {
            loadNine(weights + (8 &* channels &+ $0), -3 &* channels, -channels)
        }
    }
    let (stride, padding, step) = (windows.stride, windows.padding, windows.dilation)
    for row in 0..<windows.input.height {
        var c = 0
        while c < channels {
            var filter = InlineArray<9, Vector>(repeating: .zero)
            for tap in 0..<9 { filter[unchecked: tap] = load(weights + (tap &* channels &+ c)) }
            for column in 0..<windows.input.width {
                let place = dImage + ((row &* windows.input.width &+ column) &* channels &+ c)
                var sum = adds ? load(place) : .zero
                for i in 0..<3 {
                    guard let y = window(row &+ padding.height &- i &* step.height, stride.height, output.height)
                    else { continue }
                    for j in 0..<3 {
                        guard let x = window(column &+ padding.width &- j &* step.width, stride.width, output.width)
                        else { continue }
                        let gradient = load(dy + ((y &* output.width &+ x) &* channels &+ c))
                        sum = multiplyAdd(gradient, filter[unchecked: 3 &* i &+ j], sum)
                    }
                }
                store(sum, place)
            }
            c &+= Vector.scalarCount
        }
    }
}

/// The window that begins at `place`, if there is one.
@inline(__always)
private func window(_ place: Int, _ stride: Int, _ count: Int) -> Int? {
    if place < 0 { return nil }
    if stride == 1 { return place < count ? place : nil }
    // The usual stride without a division.
    if stride == 2 { return place & 1 == 0 && place / 2 < count ? place / 2 : nil }
    let (window, rest) = place.quotientAndRemainder(dividingBy: stride)
    return rest == 0 && window < count ? window : nil
}

func depthwiseSquaresWeightGradient(_ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows) {
    let channels = windows.channels
    let (down, right) = (
        windows.dilation.height &* windows.input.width &* channels, windows.dilation.width &* channels
    )
    let columns = columnsInside(windows)
    if windows.slide { return slideSquaresWeightGradient(image, dy, dWeights, windows) }
    var c = 0
    while c < channels {
        var sums = Nine(repeating: .zero)
        for row in 0..<windows.output.height {
            let firstRow = row &* windows.stride.height &- windows.padding.height
            let rowTaps = tapsInside(firstRow, windows.dilation.height, windows.input.height)
            let inside = rowTaps.count == 3 ? columns : 0..<0
            for column in 0..<windows.output.width {
                let gradient = load(dy + ((row &* windows.output.width &+ column) &* channels &+ c))
                let first = column &* windows.stride.width &- windows.padding.width
                let pixels =
                    column >= inside.lowerBound && column < inside.upperBound
                    ? loadNine(image + ((firstRow &* windows.input.width &+ first) &* channels &+ c), down, right)
                    : loadInside(image + c, firstRow, first, rowTaps, windows)
                for tap in 0..<9 {
                    sums[unchecked: tap] = multiplyAdd(pixels[unchecked: tap], gradient, sums[unchecked: tap])
                }
            }
        }
        for tap in 0..<9 {
            let place = dWeights + (tap &* channels &+ c)
            store(load(place) + sums[unchecked: tap], place)
        }
        c &+= Vector.scalarCount
    }
}
