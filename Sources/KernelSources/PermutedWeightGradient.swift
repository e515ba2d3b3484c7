import Kernels

// The gradient of a convolution's weights where max pooling in quarters came after it: of a window's four pixels only the
// winner has a gradient, and each channel has a winner of its own. The pixels under all taps of a window's four places
// are a patch that is one row and one column larger than the kernel; a permutation with an index for each channel takes
// the winners' pixels from two rows of it. That is a quarter of the multiplications, and nobody writes three zeros for
// each gradient.

#if AVX512
import CIntrinsics

/// The kernel for ``PooledGradientKernels/permutedWeightGradient``.
let permutedWeightGradientKernel: PooledGradientKernels.PermutedWeightGradient? = permutedWeightGradient

private func permutedWeightGradient(
    _ image: Source, _ dy: Source, _ taps: UnsafePointer<Int8>, _ dWeights: Destination, _ windows: Windows,
    _ outputs: Int, _ scratch: Destination
) {
    let patches = Patches(windows)
    let run = windows.kernel.width &* windows.channels
    var output = 0
    while output < outputs {
        patches.prepare(dy + output, taps + output, outputs, scratch)
        for row in 0..<windows.kernel.height {
            let base = image + row &* patches.line
            let target = dWeights + (row &* run &* outputs &+ output)
            var tap = 0
            while tap &+ 9 <= run {
                PatchTile<9>.add(base, patches, tap, scratch, target + tap &* outputs, outputs)
                tap &+= 9
            }
            while tap &+ 3 <= run {
                PatchTile<3>.add(base, patches, tap, scratch, target + tap &* outputs, outputs)
                tap &+= 3
            }
            while tap < run {
                PatchTile<1>.add(base, patches, tap, scratch, target + tap &* outputs, outputs)
                tap &+= 1
            }
        }
        output &+= Vector.scalarCount
    }
}

/// Where the patches of an image lie.
private struct Patches {
    let rows, columns, line, step: Int
    private let channels: Int

    init(_ windows: Windows) {
        rows = windows.output.height / 2
        columns = windows.output.width / 2
        channels = windows.channels
        line = windows.input.width &* windows.channels
        step = 2 &* windows.channels
    }

    /// Writes for each patch the gradients of a vector of channels, zeros where nobody won, and the indices of the winners'
    /// first pixels in two rows.
    @inline(__always)
    func prepare(_ dy: Source, _ taps: UnsafePointer<Int8>, _ outputs: Int, _ prepared: Destination) {
        let right = Int32(truncatingIfNeeded: channels)
        for patch in 0..<rows &* columns {
            let tap = load_bytes(taps + patch &* outputs)
            let index = (tap & 2) &<< 3 | (0 &- (tap & 1)) & right
            let place = prepared + patch &* 2 &* Vector.scalarCount
            store(winners(load(dy + patch &* outputs), tap), place)
            store(unsafeBitCast(index, to: Vector.self), place + Vector.scalarCount)
        }
    }
}

private struct PatchTile<let taps: Int> {
    /// Adds the gradient of `taps` neighbouring rows of weights, from the `first` of a row of the kernel on, for one vector
    /// of channels, over all patches of an image.
    @inline(__always)
    static func add(
        _ image: Source, _ patches: Patches, _ first: Int, _ prepared: Source, _ target: Destination, _ outputs: Int
    ) {
        var sums: InlineArray<taps, Vector> = zeros()
        var place = prepared
        for row in 0..<patches.rows {
            var pixel = image + (2 &* row &* patches.line &+ first)
            for _ in 0..<patches.columns {
                let value = load(place)
                var index = UnsafeRawPointer(place + Vector.scalarCount).loadUnaligned(as: Numbers.self)
                let (above, below) = (load(pixel), load(pixel + patches.line))
                for tap in 0..<taps {
                    let pixels = select_from_two(above, below, unsafeBitCast(index, to: SIMD8<Int64>.self))
                    sums[unchecked: tap] = multiplyAdd(value, pixels, sums[unchecked: tap])
                    index &+= 1
                }
                place += 2 &* Vector.scalarCount
                pixel += patches.step
            }
        }
        for tap in 0..<taps {
            let place = target + tap &* outputs
            store(load(place) + sums[unchecked: tap], place)
        }
    }
}
#else
/// There is none: two rows of a patch fill four registers of eight lanes, so that taking the winners needs four permutations
/// and three blends, where the direct method has four products.
let permutedWeightGradientKernel: PooledGradientKernels.PermutedWeightGradient? = nil
#endif
