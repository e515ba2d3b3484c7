import Kernels
import Tensors

/// The taps that won the pooling windows of a batch: numbers of ``Windows/tapBytes`` bytes in memory of the engine's pool.
struct WinningTaps: Sendable {
    let windows: Windows
    private let memory: Tensor
    private let place: SharedPointer<Int8>

    /// Room for those of `images`; each must be written before it is read.
    init(of windows: Windows, images: Int, _ engine: Engine) {
        self.windows = windows
        let bytes = images * windows.output.count * windows.channels * windows.tapBytes
        let (memory, floats) = engine.unwritten([(bytes + 3) / 4])
        self.memory = memory
        place = SharedPointer(UnsafeMutableRawPointer(floats.base).bindMemory(to: Int8.self, capacity: bytes))
    }

    /// Where those of an image lie; threads may write those of different images.
    subscript(image: Int) -> UnsafeMutablePointer<Int8> {
        place.base + image * windows.output.count * windows.channels * windows.tapBytes
    }
}
