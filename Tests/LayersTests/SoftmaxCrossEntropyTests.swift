import Layers
import Tensors
import TestSupport
import Testing

@Suite("Softmax cross-entropy")
struct SoftmaxCrossEntropyTests {
    private struct Parameters: Decodable {
        let smoothing: Float

        enum CodingKeys: String, CodingKey { case smoothing = "label_smoothing" }
    }

    @Test(
        "sum, gradient and count of correct samples are PyTorch's",
        arguments: Fixture.names(in: .module, startingWith: "cross_entropy"))
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let result = SoftmaxCrossEntropy(labelSmoothing: parameters.smoothing).evaluate(
            try fixture.tensor("logits"), try fixture.integers("target"), try Engine())
        let (loss, gradient) = (try fixture.tensor("loss"), try fixture.tensor("grad.logits"))
        let correct = try fixture.integers("correct")
        #expect(disagreement(Tensor([1], [result.sum]), loss, relative: 1e-6) == nil)
        #expect(disagreement(result.gradient, gradient, relative: 1e-6) == nil)
        #expect(correct == [Int32(result.correct)])
    }

    @Test("the gradient is the derivative of the sum", arguments: [Float(0), 0.125])
    func derivative(smoothing: Float) throws {
        var generator = CaseGenerator(seed: 19)
        let logits = generator.tensor([7, 5])
        let targets = (0..<7).map { _ in Int32(generator.integer(in: 0...4)) }
        let result = SoftmaxCrossEntropy(labelSmoothing: smoothing).evaluate(logits, targets, try Engine())
        let direction = generator.tensor(logits.shape).elements.map(Double.init)
        let expected = directionalDerivative(
            of: crossEntropyReference(targets: targets, classes: 5, smoothing: Double(smoothing)),
            at: [logits.elements.map(Double.init)], index: 0, along: direction, upstream: [1])
        let found = zip(result.gradient.elements, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
        #expect(abs(found - expected) <= 1e-6 * abs(expected))
    }

    @Test("of equal logits the first counts as the largest")
    func tie() throws {
        let result = SoftmaxCrossEntropy().evaluate(Tensor([2, 2], [1, 1, 1, 1]), [0, 1], try Engine())
        #expect(result.correct == 1)
    }
}
