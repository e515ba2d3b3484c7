import Kernels
import Tensors

/// Reads the windows from a padded image in place; for one group and whole vectors of output channels.
struct DirectConvolution: ConvolutionAlgorithm {
    let geometry: ConvolutionGeometry

    /// Whether the kernels can compute the outputs.
    static func serves(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        geometry.groups == 1 && !geometry.isPointwise && geometry.outputs % kernels.directLanes == 0
    }

    /// Whether the kernels can compute the input's gradient: the convolution of the padded output gradient with the
    /// reversed weights, which needs a stride of 1.
    static func servesInputGradient(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        let windows = geometry.windows
        return geometry.groups == 1 && !geometry.isPointwise && windows.stride == 1
            && windows.channels % kernels.directLanes == 0 && windows.kernelHeight == windows.kernelWidth
            && gradientMargin(geometry) >= 0
    }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        forEachPadded(images, inputPlane, count, engine) { image, windows, index in
            engine.kernels.convolution.direct(
                image, weights, bias, output + index * geometry.outputCount, windows, geometry.outputs, false)
        }
        return true
    }

    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor(packed.shape) { flipped in
            packed.withElements {
                engine.kernels.convolution.flipWeights(
                    $0, flipped, geometry.outputs, geometry.windows.channels, geometry.taps)
            }
        }
    }

    func addInputGradient(_ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ engine: Engine) {
        let plane = Plane(
            height: geometry.windows.outputHeight, width: geometry.windows.outputWidth, channels: geometry.outputs,
            margin: Self.gradientMargin(geometry), stride: 1)
        forEachPadded(dy, plane, count, engine) { image, windows, index in
            engine.kernels.convolution.direct(
                image, weights, nil, dx + index * geometry.imageCount, windows, geometry.windows.channels, true)
        }
    }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        forEachPadded(images, inputPlane, count, engine) { image, windows, index in
            engine.kernels.convolution.directWeightGradient(
                image, dy + index * geometry.outputCount, sums, windows, geometry.outputs)
        }
    }

    /// An image, the zeros that it needs around it, and the distance of the windows on it.
    private struct Plane {
        let height, width, channels, margin, stride: Int
    }

    private var inputPlane: Plane {
        let windows = geometry.windows
        return Plane(
            height: windows.height, width: windows.width, channels: windows.channels, margin: windows.padding,
            stride: windows.stride)
    }

    /// Zeros around the output's gradient from which the input's gradient is a convolution of the input's size.
    private static func gradientMargin(_ geometry: ConvolutionGeometry) -> Int {
        geometry.windows.dilation * (geometry.windows.kernelHeight - 1) - geometry.windows.padding
    }

    /// Calls `body` with each image, its zeros around it, and the windows on that.
    private func forEachPadded(
        _ images: Source, _ plane: Plane, _ count: Int, _ engine: Engine,
        _ body: (_ image: Source, _ windows: Windows, _ index: Int) -> Void
    ) {
        let (height, width) = (plane.height + 2 * plane.margin, plane.width + 2 * plane.margin)
        let windows = Windows(
            height: height, width: width, channels: plane.channels, kernelHeight: geometry.windows.kernelHeight,
            kernelWidth: geometry.windows.kernelWidth, stride: plane.stride, padding: 0,
            dilation: geometry.windows.dilation)
        let size = plane.height * plane.width * plane.channels
        engine.withScratch(height * width * plane.channels) { padded in
            for index in 0..<count {
                guard plane.margin > 0 else {
                    body(images + index * size, windows, index)
                    continue
                }
                engine.kernels.convolution.pad(
                    images + index * size, padded, plane.height, plane.width, plane.channels, plane.margin)
                body(padded, windows, index)
            }
        }
    }
}
