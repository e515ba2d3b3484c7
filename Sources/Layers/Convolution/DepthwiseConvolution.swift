import Kernels
import Tensors

/// Each channel with a filter of its own; packed weights are `[taps, C]`.
struct DepthwiseConvolution: PlainAlgorithm {
    static let name = "depthwise"
    let geometry: ConvolutionGeometry

    /// Whether each channel is a group of one input and one output.
    static func serves(_ geometry: ConvolutionGeometry) -> Bool {
        geometry.groups > 1 && geometry.groups == geometry.windows.channels && geometry.outputs == geometry.groups
    }

    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool {
        for index in 0..<count {
            engine.kernels.convolution.depthwise(
                images + index * geometry.imageCount, weights, output + index * geometry.outputCount, geometry.windows)
        }
        return false
    }

    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine
    ) {
        for index in 0..<count {
            engine.kernels.convolution.depthwiseInputGradient(
                dy + index * geometry.outputCount, weights, dx + index * geometry.imageCount, geometry.windows,
                adds)
        }
    }

    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine) {
        for index in 0..<count {
            engine.kernels.convolution.depthwiseWeightGradient(
                images + index * geometry.imageCount, dy + index * geometry.outputCount, sums, geometry.windows)
        }
    }
}
