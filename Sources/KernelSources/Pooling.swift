import Kernels

/// A window that has met no pixel yet.
private let noTap: Int32 = -1

func maximum(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutablePointer<Int32>, _ windows: Windows
) {
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
    _ dy: Source, _ taps: UnsafePointer<Int32>, _ dImage: Destination, _ windows: Windows
) {
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = dy + window &* channels
        let winner = taps + window &* channels
        let target = dImage + pixel &* channels
        let number = Int32(truncatingIfNeeded: tap)
        for c in 0..<channels { target[c] += winner[c] == number ? source[c] : 0 }
    }
}
