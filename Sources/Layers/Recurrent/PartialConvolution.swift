import Kernels
import Tensors

/// The part of a convolution that reads some of its input channels, one image at a time.
struct PartialConvolution: Sendable {
    let geometry: ConvolutionGeometry
    /// Where the channels lie among all channels of the whole weight `[K, channels, taps]`.
    let firstChannel, allChannels: Int

    private var correlation: Correlation { Correlation(geometry: geometry) }
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
        return correlation.packed(part, engine)
    }

    /// Writes or adds the packed gradient to its place in the whole one.
    func unpack(_ packed: Source, _ whole: Destination, _ adds: Bool, _ engine: Engine) {
        engine.withScratch(geometry.weights) { part in
            correlation.unpack(packed, part, false, engine)
            for output in 0..<geometry.outputs {
                let (source, target) = (
                    part + output * partCount, whole + output * wholeCount + firstChannel * geometry.taps
                )
                for index in 0..<partCount { target[index] = (adds ? target[index] : 0) + source[index] }
            }
        }
    }

    /// Writes one output image.
    func forward(_ image: Source, _ packed: Tensor, _ bias: Source?, _ output: Destination, _ engine: Engine) {
        packed.withElements { weights in
            let hasBias = correlation.forwardAlgorithm(engine).forward(image, weights, bias, output, 1, engine)
            if let bias, !hasBias { engine.kernels.rows.addBias(output, bias, geometry.pixels, geometry.outputs) }
        }
    }

    /// The weights that ``inputGradient`` takes, from the packed ones.
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor {
        correlation.inputGradientAlgorithm(engine).inputGradientWeights(packed, engine)
    }

    /// Adds the gradient of one input image.
    func addInputGradient(_ dy: Source, _ weights: Tensor, _ dx: Destination, _ engine: Engine) {
        weights.withElements {
            correlation.inputGradientAlgorithm(engine).addInputGradient(dy, $0, dx, 1, engine)
        }
    }

    /// Adds the gradient of the packed weights for one image.
    func addWeightGradient(_ image: Source, _ dy: Source, _ sums: Destination, _ engine: Engine) {
        correlation.forwardAlgorithm(engine).addWeightGradient(image, dy, sums, 1, engine)
    }
}
