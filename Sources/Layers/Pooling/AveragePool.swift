import Autograd
import Kernels
import Tensors

/// The mean of each window; matches `torch.nn.AvgPool2d` with floor rounding.
///
/// - Shapes: `[N, H, W, C]` → `[N, OH, OW, C]`.
public typealias AveragePool2D = AveragePool<Extent2>

/// The mean of each window; matches `torch.nn.AvgPool3d` with floor rounding.
///
/// - Shapes: `[N, T, H, W, C]` → `[N, OT, OH, OW, C]`.
public typealias AveragePool3D = AveragePool<Extent3>

/// The mean of each window, along as many axes as `Axes` has.
public struct AveragePool<Axes: Extent>: Layer {
    /// The layer's name in the model.
    public let path: String
    let sizes: WindowSizes<Axes>
    let countsPadding: Bool

    /// Makes the layer that `builder` stands for; `stride` is the kernel's size if not given, `countsPadding` (PyTorch's
    /// `count_include_pad`) tells whether the zeros around the input count as pixels.
    ///
    /// - Precondition: sizes are positive, a padding is at most half of the kernel's size.
    public init(
        _ builder: ParameterBuilder, kernel: Axes, stride: Axes? = nil, padding: Axes = 0, countsPadding: Bool = true
    ) {
        precondition(
            zip(padding.sizes, kernel.sizes).allSatisfy { $0 * 2 <= $1 }, "padding is at most half of the window")
        path = builder.path
        sizes = WindowSizes(kernel: kernel, stride: stride ?? kernel, padding: padding, dilation: 1)
        self.countsPadding = countsPadding
    }

    /// A smaller image or clip of the same channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        let windows = try sizes.windows(on: sample, path: path)
        return Axes(volume: windows.output).shape(channels: windows.channels)
    }

    /// Averages each sample of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let windows = sizes.windows(onBatch: input.value.shape)
        func bins(_ axis: (Volume) -> Int) -> [Bin] {
            let (size, padding, kernel) = (axis(windows.input), axis(windows.padding), axis(windows.kernel))
            return (0..<axis(windows.output)).map { index in
                let first = index * axis(windows.stride) - padding
                let pixels = max(first, 0)..<min(first + kernel, size)
                return Bin(pixels: pixels, count: countsPadding ? kernel : pixels.count)
            }
        }
        let mean = BoxMean(depth: bins(\.depth), height: bins(\.height), width: bins(\.width), input: windows.input)
        return context.tape.apply(mean, to: [input])
    }
}
