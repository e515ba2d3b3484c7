import Autograd
import Kernels
import Tensors

/// The largest value of each window; matches `torch.nn.MaxPool2d` with floor rounding.
///
/// - Shapes: `[N, H, W, C]` → `[N, OH, OW, C]`.
public typealias MaxPool2D = MaxPool<Extent2>

/// The largest value of each window; matches `torch.nn.MaxPool3d` with floor rounding.
///
/// - Shapes: `[N, T, H, W, C]` → `[N, OT, OH, OW, C]`.
public typealias MaxPool3D = MaxPool<Extent3>

/// The largest value of each window, along as many axes as `Axes` has.
public struct MaxPool<Axes: Extent>: Layer {
    /// The layer's name in the model.
    public let path: String
    let sizes: WindowSizes<Axes>

    /// Makes the layer that `builder` stands for; `stride` is the kernel's size if not given.
    ///
    /// - Precondition: sizes are positive, a padding is at most half of the kernel's size.
    public init(
        _ builder: ParameterBuilder, kernel: Axes, stride: Axes? = nil, padding: Axes = 0, dilation: Axes = 1
    ) {
        precondition(
            zip(padding.sizes, kernel.sizes).allSatisfy { $0 * 2 <= $1 }, "padding is at most half of the window")
        path = builder.path
        sizes = WindowSizes(kernel: kernel, stride: stride ?? kernel, padding: padding, dilation: dilation)
    }

    /// A smaller image or clip of the same channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        let windows = try sizes.windows(on: sample, path: path)
        return Axes(volume: windows.output).shape(channels: windows.channels)
    }

    /// Pools each sample of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        context.tape.apply(Maximum(windows: sizes.windows(onBatch: input.value.shape)), to: [input])
    }
}

/// Keeps the winning tap of each output.
struct Maximum: Operation {
    let windows: Windows

    private var outputCount: Int { windows.output.count * windows.channels }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: WinningTaps) {
        let shape = windows.outputShape(forBatch: inputs[0].shape, channels: windows.channels)
        let taps = WinningTaps(of: windows, images: shape[0], engine)
        let output = engine.tensor(shape) { y in
            inputs[0].withElements { x in
                let (x, y) = (SharedSource(x), SharedPointer(y))
                engine.run(shape[0]) { image in
                    engine.kernels.pooling.maximum(
                        x.base + image * windows.inputCount, y.base + image * outputCount, taps[image], windows, false)
                }
            }
        }
        return (output, taps)
    }

    func backward(_ gradient: Tensor, _ taps: WinningTaps, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in
            gradient.withElements { dy in
                let (dy, dx) = (SharedSource(dy), SharedPointer(dx))
                engine.run(gradient.shape[0]) { image in
                    engine.kernels.pooling.maximumGradient(
                        dy.base + image * outputCount, taps[image], dx.base + image * windows.inputCount, windows, adds)
                }
            }
        }
    }
}
