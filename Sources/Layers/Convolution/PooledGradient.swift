import Kernels
import Tensors

/// The gradient of a convolution's output that max pooling hands back: a window's goes to its winner, or nowhere where
/// the winner's tap is −1.
struct PooledGradient: Sendable {
    /// The gradients of the windows.
    let dy: Tensor
    /// The winners, integers in the memory of floats.
    let taps: Tensor
    let windows: Windows

    private var resultCount: Int { windows.output.count * windows.channels }

    /// Writes the gradients of the outputs themselves.
    func spread(_ images: Range<Int>, _ place: Destination, _ engine: Engine) {
        withWindows(of: images) { dy, taps in
            for index in 0..<images.count {
                engine.kernels.pooling.maximumGradient(
                    dy + index * resultCount, taps + index * resultCount, place + index * windows.inputCount, windows,
                    false)
            }
        }
    }

    /// Adds each channel's sum over the outputs.
    func addSums(_ images: Range<Int>, _ sums: Destination, _ engine: Engine) {
        withWindows(of: images) { dy, taps in
            engine.kernels.pooling.maximumGradientSums(
                dy, taps, sums, images.count * windows.output.count, windows.channels)
        }
    }

    /// Calls `body` with the gradients and winners of some images.
    func withWindows(of images: Range<Int>, _ body: (_ dy: Source, _ taps: UnsafePointer<Int32>) -> Void) {
        let start = images.lowerBound * resultCount
        dy.withElements { dy in
            taps.withElements { taps in
                (taps + start).withMemoryRebound(to: Int32.self, capacity: images.count * resultCount) { taps in
                    body(dy + start, taps)
                }
            }
        }
    }
}
