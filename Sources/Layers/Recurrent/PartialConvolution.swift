import Kernels
import Tensors

/// The part of a convolution that reads some of its input channels, one image at a time.
struct PartialConvolution: Sendable {
    let geometry: ConvolutionGeometry
    /// Where the channels lie among all channels of the whole weight `[K, channels, taps]`.
    let firstChannel, allChannels: Int

    /// Floats of an output channel's weights, in this part and in the whole.
    private var partCount: Int { geometry.groupInputs * geometry.taps }
    private var wholeCount: Int { allChannels * geometry.taps }

    /// This part of `weight`, packed for the algorithms.
    func packed(_ weight: Tensor, _ engine: Engine) -> Tensor {
        let part = engine.tensor([geometry.outputs, geometry.groupInputs, geometry.taps]) { part in
            weight.withElements { whole in
                for output in 0..<geometry.outputs {
                    (part + output * partCount).update(
                        from: whole + output * wholeCount + firstChannel * geometry.taps, count: partCount)
                }
            }
        }
        return PackedWeights.pack(part, geometry, engine)
    }

    /// Floats in which ``addWeightGradient`` sums.
    func weightSums(_ engine: Engine) -> Int { ConvolutionPlan(geometry, engine).algorithm.weightSums }

    /// Writes or adds the summed gradient to its place in the whole one.
    func unpack(_ sums: Source, _ whole: Destination, _ adds: Bool, _ engine: Engine) {
        engine.withScratch(geometry.weights) { part in
            ConvolutionPlan(geometry, engine).algorithm.withPackedGradient(sums, engine) {
                PackedWeights.unpack($0, part, geometry, adds: false, engine)
            }
            for output in 0..<geometry.outputs {
                let (source, target) = (
                    part + output * partCount, whole + output * wholeCount + firstChannel * geometry.taps
                )
                for index in 0..<partCount { target[index] = (adds ? target[index] : 0) + source[index] }
            }
        }
    }

    /// The weights that ``forward`` takes, from the packed ones.
    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        ConvolutionPlan(geometry, engine).algorithm.forwardWeights(packed, engine)
    }

    /// Writes one output image.
    func forward(_ image: Source, _ weights: Tensor, _ bias: Source?, _ output: Destination, _ engine: Engine) {
        weights.withElements { weights in
            let hasBias = ConvolutionPlan(geometry, engine).algorithm.forward(image, weights, bias, output, 1, engine)
            if let bias, !hasBias { engine.kernels.rows.addBias(output, bias, geometry.pixels, geometry.outputs) }
        }
    }

    /// The weights that ``inputGradient`` takes, from the packed ones.
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        ConvolutionPlan(geometry, engine).gradientAlgorithm.inputGradientWeights(packed, engine)
    }

    /// Writes the gradient of one input image, or adds to it.
    func inputGradient(_ dy: Source, _ weights: Tensor, _ dx: Destination, _ adds: Bool, _ engine: Engine) {
        weights.withElements {
            ConvolutionPlan(geometry, engine).gradientAlgorithm.inputGradient(dy, $0, dx, 1, adds, engine)
        }
    }

    /// Adds the gradient of the weights for one image.
    func addWeightGradient(_ image: Source, _ dy: Source, _ sums: Destination, _ engine: Engine) {
        ConvolutionPlan(geometry, engine).algorithm.addWeightGradient(image, dy, sums, 1, engine)
    }
}
