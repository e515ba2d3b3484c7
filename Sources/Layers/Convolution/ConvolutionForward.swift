import Kernels
import Tensors

/// The outputs of a convolution of a few images at a time, each time on the calling thread.
///
/// A class, like all that threads take from part to part: copies would count references to everything in it.
final class ConvolutionForward: Sendable {
    private let geometry: ConvolutionGeometry
    private let algorithm: any ConvolutionAlgorithm
    private let weights: Tensor
    private let bias: Tensor?
    private let engine: Engine

    /// Prepares the packed weights.
    init(
        _ geometry: ConvolutionGeometry, _ algorithm: any ConvolutionAlgorithm, _ packed: Tensor, _ bias: Tensor?,
        _ engine: Engine
    ) {
        self.geometry = geometry
        self.algorithm = algorithm
        self.bias = bias
        self.engine = engine
        weights = algorithm.forwardWeights(packed, engine)
    }

    /// Writes the outputs of `count` images to `y`.
    func callAsFunction(_ images: Source, _ count: Int, into y: Destination) {
        weights.withElements { weights in
            bias.withElements { bias in
                if !algorithm.forward(images, weights, bias, y, count, engine), let bias {
                    engine.kernels.rows.addBias(y, bias, count * geometry.pixels, geometry.outputs)
                }
            }
        }
    }
}

extension Tensor? {
    /// Calls `body` with the elements, or with nil without a tensor.
    func withElements<Result>(_ body: (Source?) -> Result) -> Result {
        switch self {
        case .some(let tensor): tensor.withElements { body($0) }
        case .none: body(nil)
        }
    }
}
