import Kernels
import Tensors

/// One tap, a stride of 1 and no padding: a product of pixels and weights, for one group and whole vectors of channels.
struct PointwiseConvolution: PlainAlgorithm {
    static let name = "pointwise"
    let geometry: ConvolutionGeometry

    /// Whether the kernels can compute all directions.
    static func serves(_ geometry: ConvolutionGeometry, _ kernels: ConvolutionKernels) -> Bool {
        geometry.isPointwise && geometry.groups == 1 && geometry.outputs % kernels.directLanes == 0
            && geometry.windows.channels % kernels.directLanes == 0
    }

    /// Images of which inputs and outputs fill a quarter of a 1 MB second-level cache.
    var imagesAtOnce: Int { max(1, (1 << 16) / max(geometry.pixels * (channels + geometry.outputs), 1)) }

    private var channels: Int { geometry.windows.channels }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        engine.kernels.convolution.product(
            images, channels, 1, weights, output, geometry.outputs, count * geometry.pixels, geometry.outputs, channels,
            false)
        return false
    }

    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        engine.tensor(packed.shape) { turned in
            packed.withElements { engine.kernels.rows.transpose($0, turned, channels, geometry.outputs, false) }
        }
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        engine.kernels.convolution.product(
            dy, geometry.outputs, 1, weights, dx, channels, count * geometry.pixels, channels, geometry.outputs, adds)
    }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        engine.kernels.convolution.product(
            images, 1, channels, dy, sums, geometry.outputs, channels, geometry.outputs, count * geometry.pixels, true)
    }
}
