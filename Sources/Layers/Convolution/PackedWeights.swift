import Kernels
import Tensors

/// Weights in the order in which kernels read them: `[K, C/G, taps]` becomes `[G, taps, C/G, K/G]`, which is `[taps, C]`
/// when each channel is a group.
enum PackedWeights {
    static func pack(_ weight: Tensor, _ geometry: ConvolutionGeometry, _ engine: Engine) -> Tensor {
        engine.tensor([weight.count]) { packed in
            weight.withElements { weight in
                if DepthwiseConvolution.serves(geometry) {
                    engine.kernels.rows.transpose(weight, packed, geometry.groups, geometry.taps, false)
                    return
                }
                for group in 0..<geometry.groups {
                    let offset = group * geometry.groupWeights
                    engine.kernels.convolution.packWeights(
                        weight + offset, packed + offset, geometry.groupOutputs, geometry.groupInputs, geometry.taps)
                }
            }
        }
    }

    static func unpack(
        _ packed: Source, _ weight: Destination, _ geometry: ConvolutionGeometry, adds: Bool, _ engine: Engine
    ) {
        if DepthwiseConvolution.serves(geometry) {
            engine.kernels.rows.transpose(packed, weight, geometry.taps, geometry.groups, adds)
            return
        }
        for group in 0..<geometry.groups {
            let offset = group * geometry.groupWeights
            engine.kernels.convolution.unpackWeights(
                packed + offset, weight + offset, geometry.groupOutputs, geometry.groupInputs, geometry.taps, adds)
        }
    }
}
