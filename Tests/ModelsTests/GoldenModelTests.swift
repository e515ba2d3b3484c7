import Autograd
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("Models agree with PyTorch")
struct GoldenModelTests {
    private struct Parameters: Decodable {
        let model: String
        let classes: Int
        let smoothing: Float

        enum CodingKeys: String, CodingKey {
            case model, classes
            case smoothing = "label_smoothing"
        }
    }

    @Test(
        "loss, logits, every gradient and the running statistics are PyTorch's",
        arguments: ["simple_cnn", "resnet20"], EngineCase.all)
    func agreement(name: String, engineCase: EngineCase) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let (input, targets) = (try fixture.tensor("input"), try fixture.integers("target"))
        let sample = Shape(Array(input.shape.dimensions.dropFirst()))
        // The fixture leaves out filters and matrices that have their initial values for its seed.
        let model = try Model(parameters.model, sample: sample, classes: parameters.classes, seed: fixture.seed())
        try fixture.load(into: model.arena)
        let block = GradientBlock(for: model.arena)
        let loss = SoftmaxCrossEntropy(labelSmoothing: Double(parameters.smoothing))
        let engine = try engineCase.make()
        var sum: Float = 0
        let pass = Pass(model.layers, model.arena, input, engine: engine, block: block) { logits in
            let result = loss.evaluate(logits, targets, engine)
            sum = result.sum
            return result.gradient
        }
        let (expectedLoss, logits) = (try fixture.tensor("loss"), try fixture.tensor("logits"))
        #expect(disagreement(Tensor([1], [sum]), expectedLoss, relative: 1e-5) == nil)
        #expect(disagreement(pass.output, logits, relative: 1e-5) == nil)
        for parameter in model.arena.parameters {
            let gradient = try #require(pass.gradients[parameter.name])
            let expected = try fixture.weights("grad.\(parameter.name)")
            #expect(disagreement(gradient, expected, relative: 2e-5) == nil, "\(parameter.name)")
        }
        model.arena.absorb(statistics: block.base, samples: Float(input.shape[0]))
        for buffer in model.arena.buffers {
            let expected = try fixture.weights("updated.\(buffer.name)")
            #expect(disagreement(model.arena.value(of: buffer), expected, relative: 1e-5) == nil, "\(buffer.name)")
        }
        #expect(model.arena.counts.allSatisfy { $0 == 1 })
    }

    @Test(
        "the number of threads does not change a bit", arguments: ["simple_cnn", "resnet20"], EngineCase.single)
    func sameBits(name: String, engineCase: EngineCase) throws {
        var generator = CaseGenerator(seed: 43)
        let input = generator.tensor([5, 12, 12, 3])
        let model = try Model(name, sample: [12, 12, 3], classes: 4, seed: 2)
        func pass(_ engineCase: EngineCase) throws -> Pass {
            Pass(model.layers, model.arena, input, engine: try engineCase.make()) { $0 }
        }
        let expected = try pass(engineCase)
        for threads in 2...3 {
            let differences = try pass(engineCase.with(threads: threads)).differences(from: expected)
            #expect(differences == [], "\(threads) threads")
        }
    }
}
