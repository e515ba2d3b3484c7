import Kernels

/// A window that has met no pixel yet.
private let noTap: Int32 = -1

func maximum(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutablePointer<Int32>, _ windows: Windows
) {
    if windows.areQuarters { return maximumOfQuarters(image, output, taps, windows) }
    let channels = windows.channels
    let count = windows.output.count &* channels
    output.update(repeating: -Float.infinity, count: count)
    taps.update(repeating: noTap, count: count)
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let target = output + window &* channels
        let winner = taps + window &* channels
        let number = Int32(truncatingIfNeeded: tap)
        for c in 0..<channels {
            // The first tap inside the image wins whatever its value, and a NaN wins against all.
            let wins = source[c] > target[c] || source[c] != source[c] || winner[c] == noTap
            target[c] = wins ? source[c] : target[c]
            winner[c] = wins ? number : winner[c]
        }
    }
}

func maximumGradient(
    _ dy: Source, _ taps: UnsafePointer<Int32>, _ dImage: Destination, _ windows: Windows, _ adds: Bool
) {
    if !adds {
        if windows.areQuarters { return gradientOfQuarters(dy, taps, dImage, windows) }
        dImage.update(repeating: 0, count: windows.inputCount)
    }
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = dy + window &* channels
        let winner = taps + window &* channels
        let target = dImage + pixel &* channels
        let number = Int32(truncatingIfNeeded: tap)
        for c in 0..<channels { target[c] += winner[c] == number ? source[c] : 0 }
    }
}

extension Windows {
    /// Whether the windows are 2×2 squares that cover the image without a gap, as most pooling has them.
    fileprivate var areQuarters: Bool {
        let square = Volume(depth: 1, height: 2, width: 2)
        return kernel == square && stride == square && padding == 0 && dilation == 1 && input.height % 2 == 0
            && input.width % 2 == 0
    }
}

/// Calls `body` with the first float of each window and of its four pixels in the order of the taps.
@inline(__always)
private func forEachQuarter(_ windows: Windows, _ body: (_ window: Int, _ pixel: Int, _ below: Int) -> Void) {
    let channels = windows.channels
    let line = windows.input.width &* channels
    // Rows of windows follow one another without a gap, over all frames.
    for row in 0..<windows.output.depth &* windows.output.height {
        for column in 0..<windows.output.width {
            let pixel = 2 &* row &* line &+ 2 &* column &* channels
            body((row &* windows.output.width &+ column) &* channels, pixel, pixel &+ line)
        }
    }
}

private func maximumOfQuarters(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutablePointer<Int32>, _ windows: Windows
) {
    let channels = windows.channels
    forEachQuarter(windows) { window, pixel, below in
        let (first, second) = (image + pixel, image + (pixel &+ channels))
        let (third, fourth) = (image + below, image + (below &+ channels))
        let (target, winner) = (output + window, taps + window)
        for c in 0..<channels {
            var best = first[c]
            var tap: Int32 = 0
            // Of several NaNs the last one wins, as in the general loop.
            var wins = second[c] > best || second[c] != second[c]
            best = wins ? second[c] : best
            tap = wins ? 1 : tap
            wins = third[c] > best || third[c] != third[c]
            best = wins ? third[c] : best
            tap = wins ? 2 : tap
            wins = fourth[c] > best || fourth[c] != fourth[c]
            target[c] = wins ? fourth[c] : best
            winner[c] = wins ? 3 : tap
        }
    }
}

private func gradientOfQuarters(
    _ dy: Source, _ taps: UnsafePointer<Int32>, _ dImage: Destination, _ windows: Windows
) {
    let channels = windows.channels
    forEachQuarter(windows) { window, pixel, below in
        let (source, winner) = (dy + window, taps + window)
        let (first, second) = (dImage + pixel, dImage + (pixel &+ channels))
        let (third, fourth) = (dImage + below, dImage + (below &+ channels))
        for c in 0..<channels { first[c] = winner[c] == 0 ? source[c] : 0 }
        for c in 0..<channels { second[c] = winner[c] == 1 ? source[c] : 0 }
        for c in 0..<channels { third[c] = winner[c] == 2 ? source[c] : 0 }
        for c in 0..<channels { fourth[c] = winner[c] == 3 ? source[c] : 0 }
    }
}
