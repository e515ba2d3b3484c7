import Autograd
import Layers
import Tensors
import TestSupport

/// Layers one after the other, their parameters and a batch.
protocol LayerStack {
    var layers: [any Layer] { get }
    var arena: ParameterArena { get }
    var input: Tensor { get }
}

extension LayerStack {
    /// The layers as a network has them, computed together where they can be.
    var chain: Sequential { Sequential(ParameterBuilder().scope("chain"), layers) }

    /// A pass over the batch, with the same gradients each time.
    func pass(_ layer: any Layer, _ engine: Engine, wantsInputGradient: Bool = true) -> Pass {
        var gradients = CaseGenerator(seed: 53)
        return Pass(layer, arena, input, engine: engine, wantsInputGradient: wantsInputGradient) {
            gradients.tensor($0.shape)
        }
    }
}
