import Autograd
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("Networks train as in PyTorch")
struct GoldenTrainingTests {
    private struct Parameters: Decodable {
        let classes: Int
        let rate: Float
    }

    @Test(
        "loss and logits of three steps of gradient descent from the same initial parameters are PyTorch's",
        arguments: ModelCatalog.all.map { $0.name })
    func training(name: String) throws {
        let fixture = try Fixture("training_\(name)", in: .module)
        let parameters: Parameters = try fixture.parameters()
        let input = try fixture.batch("input")
        let targets = try fixture.integers("target")
        let lengths = fixture.has("lengths") ? try fixture.integers("lengths").map(Int.init) : nil
        let losses = try fixture.weights("losses").elements
        let sample = Shape(Array(input.shape.dimensions.dropFirst()))
        let model = try Model(name, sample: sample, classes: parameters.classes, seed: fixture.seed())
        // A fast method may tip a ReLU, and the steps after it would tell.
        let engine = try Engine(convolution: .direct)
        let loss = SoftmaxCrossEntropy()
        for (step, expected) in losses.enumerated() {
            let block = GradientBlock(for: model.arena)
            var sum: Float = 0
            let pass = Pass(model.layers, model.arena, input, engine: engine, block: block, lengths: lengths) {
                let result = loss.evaluate($0, targets, engine)
                sum = result.sum
                return result.gradient
            }
            // The steps before it have carried rounding errors into the parameters.
            let tolerance = step == 0 ? 1e-5 : 1e-3
            let mean = Tensor([1], [sum / Float(targets.count)])
            #expect(disagreement(mean, Tensor([1], [expected]), relative: tolerance) == nil, "loss of step \(step)")
            let logits = try fixture.weights("logits.\(step)")
            #expect(disagreement(pass.output, logits, relative: tolerance) == nil, "logits of step \(step)")
            let scale = parameters.rate / Float(targets.count)
            for index in model.arena.parameterRange { model.arena.values[index] -= scale * block.base[index] }
        }
    }
}
