import Autograd
import Kernels
import Tensors

/// Means over as many parts of an image as are asked for; matches `torch.nn.AdaptiveAvgPool2d`.
///
/// - Shapes: `[N, H, W, C]` → `[N, OH, OW, C]`.
public typealias AdaptiveAveragePool2D = AdaptiveAveragePool<Extent2>

/// Means over as many parts of a clip as are asked for; matches `torch.nn.AdaptiveAvgPool3d`.
///
/// - Shapes: `[N, T, H, W, C]` → `[N, OT, OH, OW, C]`.
public typealias AdaptiveAveragePool3D = AdaptiveAveragePool<Extent3>

/// Means over as many parts as are asked for, along as many axes as `Axes` has.
///
/// Part i of an axis of n pixels in k parts begins at ⌊i·n/k⌋ and ends before ⌈(i+1)·n/k⌉, so parts overlap where k does
/// not divide n, and repeat pixels where k is larger.
public struct AdaptiveAveragePool<Axes: Extent>: Layer {
    /// The layer's name in the model.
    public let path: String
    let output: Axes

    /// Makes the layer that `builder` stands for; an `output` of 1 is global average pooling.
    ///
    /// - Precondition: the sizes of `output` are positive.
    public init(_ builder: ParameterBuilder, output: Axes) {
        precondition(output.sizes.allSatisfy { $0 > 0 }, "an output has at least one pixel along each axis")
        path = builder.path
        self.output = output
    }

    /// An image or clip of the size asked for, of the same channels.
    public func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        try Axes.check(sample, path: path)
        guard sample.dimensions.prefix(Axes.axes).allSatisfy({ $0 > 0 }) else {
            throw ShapeError(path: path, expected: "\(Axes.sample) of at least one pixel", found: sample)
        }
        return output.shape(channels: sample[Axes.axes])
    }

    /// Averages each sample of the batch.
    public func forward(_ input: Variable, _ context: ForwardContext) -> Variable {
        let size = Axes(sizes: Array(input.value.shape.dimensions[1...Axes.axes])).volume(depth: 1)
        let parts = output.volume(depth: 1)
        func bins(_ axis: (Volume) -> Int) -> [Bin] {
            let (size, parts) = (axis(size), axis(parts))
            return (0..<parts).map { index in
                let pixels = index * size / parts..<((index + 1) * size + parts - 1) / parts
                return Bin(pixels: pixels, count: pixels.count)
            }
        }
        let mean = BoxMean(depth: bins(\.depth), height: bins(\.height), width: bins(\.width), input: size)
        return context.tape.apply(mean, to: [input])
    }
}
