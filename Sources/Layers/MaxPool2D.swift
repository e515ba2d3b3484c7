import Autograd
import Kernels
import Tensors

/// The largest value of each window; matches `torch.nn.MaxPool2d` without dilation and with floor rounding.
///
/// - Shapes: `[N, H, W, C]` → `[N, OH, OW, C]`.
public struct MaxPool2D: Layer {
    /// The layer's name in the model.
    public let path: String
    let kernel, stride, padding: Int

    /// Makes the layer that `builder` stands for; `stride` is the kernel's size if not given.
    ///
    /// - Precondition: the kernel has at most 15×15 taps, and padding is at most half of it.
    public init(_ builder: ParameterBuilder, kernel: Int, stride: Int? = nil, padding: Int = 0) {
        precondition(kernel <= 15, "a pooling window has at most 15×15 taps")
        precondition(padding * 2 <= kernel, "padding is at most half of the window")
        path = builder.path
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
    }

    /// A smaller image of the same channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        guard sample.rank == 3 else {
            throw ShapeError(path: path, expected: "an image [H, W, C]", found: sample)
        }
        let windows = windows(sample[0], sample[1], sample[2])
        guard windows.outputHeight > 0, windows.outputWidth > 0 else {
            let least = kernel - 2 * padding
            throw ShapeError(path: path, expected: "an image of at least \(least)×\(least) pixels", found: sample)
        }
        return [windows.outputHeight, windows.outputWidth, sample[2]]
    }

    /// Pools each image of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let shape = input.value.shape
        return context.tape.apply(Maximum(windows: windows(shape[1], shape[2], shape[3])), to: [input])
    }

    private func windows(_ height: Int, _ width: Int, _ channels: Int) -> Windows {
        Windows(
            height: height, width: width, channels: channels, kernelHeight: kernel, kernelWidth: kernel,
            stride: stride, padding: padding, dilation: 1)
    }
}

/// Keeps the winning tap of each output.
struct Maximum: Operation {
    let windows: Windows

    struct Saved {
        let inputShape: Shape
        let taps: [UInt8]
    }

    private var inputCount: Int { windows.height * windows.width * windows.channels }
    private var outputCount: Int { windows.outputHeight * windows.outputWidth * windows.channels }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let images = inputs[0].shape[0]
        var taps = [UInt8](repeating: 0, count: images * outputCount)
        let output = engine.tensor([images, windows.outputHeight, windows.outputWidth, windows.channels]) { y in
            inputs[0].withElements { x in
                taps.withUnsafeMutableBufferPointer { buffer in
                    guard let base = buffer.baseAddress else { return }
                    let (x, y, taps) = (SharedSource(x), SharedPointer(y), SharedPointer(base))
                    engine.run(images) { image in
                        engine.kernels.pooling.maximum(
                            x.base + image * inputCount, y.base + image * outputCount, taps.base + image * outputCount,
                            windows)
                    }
                }
            }
        }
        return (output, Saved(inputShape: inputs[0].shape, taps: taps))
    }

    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        inputs.write(0) { dx, adds in
            if !adds { dx.update(repeating: 0, count: saved.inputShape.count) }
            gradient.withElements { dy in
                saved.taps.withUnsafeBufferPointer { buffer in
                    guard let base = buffer.baseAddress else { return }
                    let (dy, dx, taps) = (SharedSource(dy), SharedPointer(dx), SharedSource(base))
                    engine.run(saved.inputShape[0]) { image in
                        engine.kernels.pooling.maximumGradient(
                            dy.base + image * outputCount, taps.base + image * outputCount,
                            dx.base + image * inputCount, windows)
                    }
                }
            }
        }
    }
}
