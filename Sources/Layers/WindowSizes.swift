import Autograd
import Kernels
import Tensors

/// The windows of a layer, before the size of its input is known.
struct WindowSizes<Axes: Extent>: Sendable {
    let kernel: Axes
    let stride: Axes
    let padding: Axes
    let dilation: Axes

    init(kernel: Axes, stride: Axes, padding: Axes, dilation: Axes) {
        precondition(kernel.sizes.allSatisfy { $0 > 0 }, "a window has at least one tap along each axis")
        precondition(stride.sizes.allSatisfy { $0 > 0 }, "windows are at least one pixel apart")
        precondition(padding.sizes.allSatisfy { $0 >= 0 }, "a padding is not negative")
        precondition(dilation.sizes.allSatisfy { $0 > 0 }, "the taps of a window are at least one pixel apart")
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// The windows on each sample of a batch.
    func windows(onBatch batch: Shape) -> Windows { windows(Array(batch.dimensions.dropFirst())) }

    /// The windows on a sample, which must hold one, with `channels` if that is not nil.
    func windows(on sample: Shape, channels: Int? = nil, path: String) throws(ShapeError) -> Windows {
        try Axes.check(sample, channels: channels, path: path)
        let windows = windows(sample.dimensions)
        guard windows.output.count > 0 else {
            let least = Axes(volume: windows.least).sizes.map(String.init).joined(separator: "×")
            throw ShapeError(path: path, expected: "\(Axes.sample) of at least \(least) pixels", found: sample)
        }
        return windows
    }

    private func windows(_ sizes: [Int]) -> Windows {
        Windows(
            input: Axes(sizes: Array(sizes.prefix(Axes.axes))).volume(depth: 1), channels: sizes[Axes.axes],
            kernel: kernel.volume(depth: 1), stride: stride.volume(depth: 1), padding: padding.volume(depth: 0),
            dilation: dilation.volume(depth: 1))
    }
}

extension Windows {
    /// The shape of what is computed for each window of a batch of images or clips.
    func outputShape(forBatch batch: Shape, channels: Int) -> Shape {
        Shape([batch[0]] + output.sizes.suffix(batch.rank - 2) + [channels])
    }
}
