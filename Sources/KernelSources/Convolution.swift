import Kernels

/// Calls `body(window, tap, pixel)` for each tap of each window that lies inside the input.
///
/// Taps are numbered in row order, and a window meets its taps in that order.
@inline(__always)
func forEachTap(_ windows: Windows, _ body: (_ window: Int, _ tap: Int, _ pixel: Int) -> Void) {
    let (input, kernel, output) = (windows.input, windows.kernel, windows.output)
    forEachLine(windows) { outputLine, kernelLine, line in
        guard let line else { return }
        for outputColumn in 0..<output.width {
            let first = outputColumn &* windows.stride.width &- windows.padding.width
            for kernelColumn in 0..<kernel.width {
                let column = first &+ kernelColumn &* windows.dilation.width
                if column < 0 || column >= input.width { continue }
                body(
                    outputLine &* output.width &+ outputColumn, kernelLine &* kernel.width &+ kernelColumn,
                    line &* input.width &+ column)
            }
        }
    }
}

/// Calls `body(output line, kernel line, line)` for each line of windows and each line of their taps.
///
/// Lines are numbered through all planes; the input's line is nil where it lies outside.
@inline(__always)
private func forEachLine(_ windows: Windows, _ body: (_ outputLine: Int, _ kernelLine: Int, _ line: Int?) -> Void) {
    let (input, kernel, output) = (windows.input, windows.kernel, windows.output)
    for outputPlane in 0..<output.depth {
        let firstPlane = outputPlane &* windows.stride.depth &- windows.padding.depth
        for outputRow in 0..<output.height {
            let outputLine = outputPlane &* output.height &+ outputRow
            let firstRow = outputRow &* windows.stride.height &- windows.padding.height
            for kernelPlane in 0..<kernel.depth {
                let plane = firstPlane &+ kernelPlane &* windows.dilation.depth
                for kernelRow in 0..<kernel.height {
                    let row = firstRow &+ kernelRow &* windows.dilation.height
                    let isInside = plane >= 0 && plane < input.depth && row >= 0 && row < input.height
                    body(
                        outputLine, kernelPlane &* kernel.height &+ kernelRow,
                        isInside ? plane &* input.height &+ row : nil)
                }
            }
        }
    }
}

func pack(_ image: Source, _ rows: Destination, _ windows: Windows) {
    let channels = windows.channels
    let packed = windows.packedCount
    let (width, kernelWidth, outputWidth) = (windows.input.width, windows.kernel.width, windows.output.width)
    let dilation = windows.dilation.width
    forEachLine(windows) { outputLine, kernelLine, line in
        for outputColumn in 0..<outputWidth {
            let target =
                rows + (outputLine &* outputWidth &+ outputColumn) &* packed + kernelLine &* kernelWidth &* channels
            let first = outputColumn &* windows.stride.width &- windows.padding.width
            guard let line else {
                for c in 0..<kernelWidth &* channels { target[c] = 0 }
                continue
            }
            let source = image + line &* width &* channels
            if dilation == 1 && first >= 0 && first &+ kernelWidth <= width {
                // The taps of a row are neighbours in memory.
                copy(source + first &* channels, target, kernelWidth &* channels)
                continue
            }
            for kernelColumn in 0..<kernelWidth {
                let column = first &+ kernelColumn &* dilation
                let place = target + kernelColumn &* channels
                if column >= 0 && column < width {
                    copy(source + column &* channels, place, channels)
                } else {
                    for c in 0..<channels { place[c] = 0 }
                }
            }
        }
    }
}

/// A loop instead of `memcpy`: rows are short, and the call costs more than the copy.
@inline(__always)
private func copy(_ source: Source, _ target: Destination, _ count: Int) {
    for c in 0..<count { target[c] = source[c] }
}

func unpackAdding(_ rows: Source, _ image: Destination, _ windows: Windows) {
    let channels = windows.channels
    let packed = windows.packedCount
    forEachTap(windows) { window, tap, pixel in
        let source = rows + window &* packed + tap &* channels
        let target = image + pixel &* channels
        for c in 0..<channels { target[c] += source[c] }
    }
}

func depthwise(_ image: Source, _ weights: Source, _ output: Destination, _ windows: Windows) {
    if windows.areSmallSquares { return depthwiseSquares(image, weights, output, windows) }
    let channels = windows.channels
    output.update(repeating: 0, count: windows.output.count &* channels)
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let filter = weights + tap &* channels
        let target = output + window &* channels
        for c in 0..<channels { target[c] += source[c] * filter[c] }
    }
}

func depthwiseInputGradient(
    _ dy: Source, _ weights: Source, _ dImage: Destination, _ windows: Windows, _ adds: Bool
) {
    if windows.areSmallSquares { return depthwiseSquaresInputGradient(dy, weights, dImage, windows, adds) }
    if !adds { dImage.update(repeating: 0, count: windows.inputCount) }
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = dy + window &* channels
        let filter = weights + tap &* channels
        let target = dImage + pixel &* channels
        for c in 0..<channels { target[c] += source[c] * filter[c] }
    }
}

func depthwiseWeightGradient(_ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows) {
    if windows.areSmallSquares { return depthwiseSquaresWeightGradient(image, dy, dWeights, windows) }
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let gradient = dy + window &* channels
        let target = dWeights + tap &* channels
        for c in 0..<channels { target[c] += source[c] * gradient[c] }
    }
}
