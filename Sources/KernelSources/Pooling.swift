import CIntrinsics
import Kernels

// Winners are numbered in bytes, so that little memory passes by; windows of more than 127 pixels, which are rare, take
// four bytes, see `Windows.tapBytes`.

func maximum(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutableRawPointer, _ windows: Windows, _ rectifies: Bool
) {
    let narrow = taps.assumingMemoryBound(to: Int8.self)
    if windows.tapBytes > 1 {
        maximumOfWindows(image, output, taps.assumingMemoryBound(to: Int32.self), windows, rectifies)
    } else if !windows.areQuarters {
        maximumOfWindows(image, output, narrow, windows, rectifies)
    } else if rectifies {
        // Once for each, so that the loops have no branches.
        maximumOfQuarters(image, output, narrow, windows, true)
    } else {
        maximumOfQuarters(image, output, narrow, windows, false)
    }
}

func maximumGradientSums(_ dy: Source, _ taps: UnsafeRawPointer, _ sums: Destination, _ windows: Windows) {
    if windows.tapBytes > 1 {
        addSums(dy, taps.assumingMemoryBound(to: Int32.self), sums, windows)
    } else {
        addSums(dy, taps.assumingMemoryBound(to: Int8.self), sums, windows)
    }
}

func maximumGradient(
    _ dy: Source, _ taps: UnsafeRawPointer, _ dImage: Destination, _ windows: Windows, _ adds: Bool
) {
    let narrow = taps.assumingMemoryBound(to: Int8.self)
    if windows.tapBytes > 1 {
        gradientOfWindows(dy, taps.assumingMemoryBound(to: Int32.self), dImage, windows, adds)
    } else if adds || !windows.areQuarters {
        gradientOfWindows(dy, narrow, dImage, windows, adds)
    } else {
        gradientOfQuarters(dy, narrow, dImage, windows)
    }
}

/// The number of a window's winner in memory; −1 for a window that has met no pixel yet, or whose gradient goes nowhere.
private protocol TapNumber: FixedWidthInteger, SignedInteger {
    /// The first `lanes` numbers, −1 behind them.
    static func read(_ source: UnsafePointer<Self>, _ lanes: Int) -> Numbers
}

extension TapNumber {
    @inline(__always)
    static func readEach(_ source: UnsafePointer<Self>, _ lanes: Int) -> Numbers {
        var numbers = Numbers(repeating: -1)
        for lane in 0..<lanes { numbers[lane] = Int32(truncatingIfNeeded: source[lane]) }
        return numbers
    }
}

extension Int8: TapNumber {
    @inline(__always)
    fileprivate static func read(_ source: UnsafePointer<Int8>, _ lanes: Int) -> Numbers {
        lanes == Vector.scalarCount ? load_bytes(source) : readEach(source, lanes)
    }
}

extension Int32: TapNumber {
    @inline(__always)
    fileprivate static func read(_ source: UnsafePointer<Int32>, _ lanes: Int) -> Numbers { readEach(source, lanes) }
}

@inline(__always)
private func maximumOfWindows<Tap: TapNumber>(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutablePointer<Tap>, _ windows: Windows, _ rectifies: Bool
) {
    let channels = windows.channels
    let count = windows.output.count &* channels
    output.update(repeating: -Float.infinity, count: count)
    taps.update(repeating: -1, count: count)
    forEachTap(windows) { window, tap, pixel in
        let source = image + pixel &* channels
        let target = output + window &* channels
        let winner = taps + window &* channels
        let number = Tap(truncatingIfNeeded: tap)
        for c in 0..<channels {
            // The first tap inside the image wins whatever its value, and a NaN wins against all.
            let wins = source[c] > target[c] || source[c] != source[c] || winner[c] == -1
            target[c] = wins ? source[c] : target[c]
            winner[c] = wins ? number : winner[c]
        }
    }
    guard rectifies else { return }
    for i in 0..<count {
        taps[i] = output[i] <= 0 ? -1 : taps[i]
        output[i] = output[i] < 0 ? 0 : output[i]
    }
}

@inline(__always)
private func addSums<Tap: TapNumber>(
    _ dy: Source, _ taps: UnsafePointer<Tap>, _ sums: Destination, _ windows: Windows
) {
    let (count, channels) = (windows.output.count, windows.channels)
    var first = 0
    while first < count {
        let end = min(first &+ sumBlock, count)
        forEachVector(channels) { offset, lanes in
            var part = Vector.zero
            for window in first..<end {
                let place = window &* channels &+ offset
                part += winners(read(dy + place, lanes), Tap.read(taps + place, lanes))
            }
            write(read(sums + offset, lanes) + part, sums + offset, lanes)
        }
        first = end
    }
}

@inline(__always)
private func gradientOfWindows<Tap: TapNumber>(
    _ dy: Source, _ taps: UnsafePointer<Tap>, _ dImage: Destination, _ windows: Windows, _ adds: Bool
) {
    if !adds { dImage.update(repeating: 0, count: windows.inputCount) }
    let channels = windows.channels
    forEachTap(windows) { window, tap, pixel in
        let source = dy + window &* channels
        let winner = taps + window &* channels
        let target = dImage + pixel &* channels
        let number = Tap(truncatingIfNeeded: tap)
        for c in 0..<channels { target[c] += winner[c] == number ? source[c] : 0 }
    }
}

/// The lanes of `value` whose window has a winner, zero elsewhere.
@inline(__always)
func winners(_ value: Vector, _ tap: Numbers) -> Vector {
    unsafeBitCast(unsafeBitCast(value, to: Numbers.self) & ~(tap &>> 31), to: Vector.self)
}

extension Windows {
    /// Whether the windows are 2×2 squares that cover the image without a gap, as most pooling has them, and channels are
    /// whole vectors.
    fileprivate var areQuarters: Bool {
        let square = Volume(depth: 1, height: 2, width: 2)
        return kernel == square && stride == square && padding == 0 && dilation == 1 && input.height % 2 == 0
            && input.width % 2 == 0 && channels % Vector.scalarCount == 0
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

@inline(__always)
private func maximumOfQuarters(
    _ image: Source, _ output: Destination, _ taps: UnsafeMutablePointer<Int8>, _ windows: Windows, _ rectifies: Bool
) {
    let channels = windows.channels
    forEachQuarter(windows) { window, pixel, below in
        var c = 0
        while c < channels {
            var best = load(image + (pixel &+ c))
            var tap = Numbers.zero
            take(load(image + (pixel &+ channels &+ c)), 1, &best, &tap)
            take(load(image + (below &+ c)), 2, &best, &tap)
            take(load(image + (below &+ channels &+ c)), 3, &best, &tap)
            if rectifies {
                tap.replace(with: -1, where: best .<= 0)
                best.replace(with: 0, where: best .< 0)
            }
            store(best, output + (window &+ c))
            store_bytes(tap, taps + (window &+ c))
            c &+= Vector.scalarCount
        }
    }
}

/// Takes the lanes of `value` that are larger than the best so far, or NaN.
@inline(__always)
private func take(_ value: Vector, _ number: Int32, _ best: inout Vector, _ tap: inout Numbers) {
    let wins = (value .> best) .| (value .!= value)
    best.replace(with: value, where: wins)
    tap.replace(with: number, where: wins)
}

@inline(__always)
private func gradientOfQuarters(
    _ dy: Source, _ taps: UnsafePointer<Int8>, _ dImage: Destination, _ windows: Windows
) {
    let channels = windows.channels
    forEachQuarter(windows) { window, pixel, below in
        var c = 0
        while c < channels {
            let value = load(dy + (window &+ c))
            let tap = load_bytes(taps + (window &+ c))
            store(keep(value, tap, 0), dImage + (pixel &+ c))
            store(keep(value, tap, 1), dImage + (pixel &+ channels &+ c))
            store(keep(value, tap, 2), dImage + (below &+ c))
            store(keep(value, tap, 3), dImage + (below &+ channels &+ c))
            c &+= Vector.scalarCount
        }
    }
}

/// The lanes of `value` whose tap is `number`, zero elsewhere.
///
/// In arithmetic on bits, which unlike a comparison of whole numbers compiles to vector instructions.
@inline(__always)
private func keep(_ value: Vector, _ tap: Numbers, _ number: Int32) -> Vector {
    let difference = tap ^ Numbers(repeating: number)
    let differs = (difference | (0 &- difference)) &>> 31
    return unsafeBitCast(unsafeBitCast(value, to: Numbers.self) & ~differs, to: Vector.self)
}
