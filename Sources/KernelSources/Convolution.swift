import Kernels

/// Calls `body(window, tap, pixel)` for each tap of each window that lies inside the image: the window's number, the
/// tap's number in row order and the pixel's number.
@inline(__always)
func forEachTap(_ windows: Windows, _ body: (_ window: Int, _ tap: Int, _ pixel: Int) -> Void) {
    let outputWidth = windows.outputWidth
    for outputRow in 0..<windows.outputHeight {
        for kernelRow in 0..<windows.kernelHeight {
            let row = outputRow &* windows.stride &- windows.padding &+ kernelRow &* windows.dilation
            if row < 0 || row >= windows.height { continue }
            for outputColumn in 0..<outputWidth {
                for kernelColumn in 0..<windows.kernelWidth {
                    let column = outputColumn &* windows.stride &- windows.padding &+ kernelColumn &* windows.dilation
                    if column < 0 || column >= windows.width { continue }
                    body(
                        outputRow &* outputWidth &+ outputColumn, kernelRow &* windows.kernelWidth &+ kernelColumn,
                        row &* windows.width &+ column)
                }
            }
        }
    }
}

func pack(_ image: Source, _ rows: Destination, _ windows: Windows) {
    let channels = windows.channels
    let packed = windows.packedCount
    let outputWidth = windows.outputWidth
    for outputRow in 0..<windows.outputHeight {
        for kernelRow in 0..<windows.kernelHeight {
            let row = outputRow &* windows.stride &- windows.padding &+ kernelRow &* windows.dilation
            let inside = row >= 0 && row < windows.height
            for outputColumn in 0..<outputWidth {
                let line =
                    rows + (outputRow &* outputWidth &+ outputColumn) &* packed
                    + kernelRow &* windows.kernelWidth &* channels
                let first = outputColumn &* windows.stride &- windows.padding
                let last = first &+ (windows.kernelWidth &- 1) &* windows.dilation
                if inside && windows.dilation == 1 && first >= 0 && last < windows.width {
                    // The taps of a row are neighbours in memory.
                    copy(image + (row &* windows.width &+ first) &* channels, line, windows.kernelWidth &* channels)
                    continue
                }
                for kernelColumn in 0..<windows.kernelWidth {
                    let column = first &+ kernelColumn &* windows.dilation
                    let target = line + kernelColumn &* channels
                    if inside && column >= 0 && column < windows.width {
                        copy(image + (row &* windows.width &+ column) &* channels, target, channels)
                    } else {
                        for c in 0..<channels { target[c] = 0 }
                    }
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

func packWeights(_ weights: Source, _ packed: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int) {
    for output in 0..<outputs {
        for input in 0..<inputs {
            let source = weights + (output &* inputs &+ input) &* taps
            for tap in 0..<taps { packed[(tap &* inputs &+ input) &* outputs &+ output] = source[tap] }
        }
    }
}

func unpackWeights(
    _ packed: Source, _ weights: Destination, _ outputs: Int, _ inputs: Int, _ taps: Int, _ adds: Bool
) {
    for output in 0..<outputs {
        for input in 0..<inputs {
            let target = weights + (output &* inputs &+ input) &* taps
            for tap in 0..<taps {
                let value = packed[(tap &* inputs &+ input) &* outputs &+ output]
                target[tap] = adds ? target[tap] + value : value
            }
        }
    }
}

func depthwise(_ image: Source, _ weights: Source, _ output: Destination, _ windows: Windows) {
    let channels = windows.channels
    output.update(repeating: 0, count: windows.outputHeight &* windows.outputWidth &* channels)
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let filter = weights + tap &* channels
        let target = output + window &* channels
        for c in 0..<channels { target[c] += source[c] * filter[c] }
    }
}

func depthwiseInputGradient(_ dy: Source, _ weights: Source, _ dImage: Destination, _ windows: Windows) {
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = dy + window &* channels
        let filter = weights + tap &* channels
        let target = dImage + pixel &* channels
        for c in 0..<channels { target[c] += source[c] * filter[c] }
    }
}

func depthwiseWeightGradient(_ image: Source, _ dy: Source, _ dWeights: Destination, _ windows: Windows) {
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let gradient = dy + window &* channels
        let target = dWeights + tap &* channels
        for c in 0..<channels { target[c] += source[c] * gradient[c] }
    }
}
