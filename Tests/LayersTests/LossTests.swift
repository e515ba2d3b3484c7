import Configuration
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Losses")
struct LossTests {
    private struct Parameters: Decodable { let section: String }

    private static let golden = Fixture.names(
        in: .module, startingWith: "cross_entropy", "focal", "mse", "bce_with_logits")

    private func loss(_ section: String, classes: Int) throws -> any Loss {
        try LossCatalog.make(
            ConfigurationReader.read(LossConfiguration(), yaml: section, file: "loss"), classes: classes)
    }

    private func problem(_ section: String, classes: Int = 3) -> String {
        do {
            _ = try loss(section, classes: classes)
            return "no problem"
        } catch {
            return "\(error)"
        }
    }

    @Test("sum, mean, gradient and count of correct samples are PyTorch's", arguments: golden)
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let logits = try fixture.tensor("logits")
        let result = try loss(parameters.section, classes: logits.shape[1])
            .evaluate(logits, try fixture.integers("target"), try Engine())
        #expect(disagreement(Tensor([1], [result.sum]), try fixture.tensor("loss"), relative: 1e-6) == nil)
        #expect(disagreement(Tensor([1], [result.mean]), try fixture.tensor("mean"), relative: 1e-6) == nil)
        #expect(disagreement(result.gradient, try fixture.tensor("grad.logits"), relative: 1e-6) == nil)
        #expect(try fixture.integers("correct") == [Int32(result.correct)])
    }

    @Test("every loss has a golden case, and a case names it")
    func coverage() throws {
        let sections = try Self.golden.map { name in
            let parameters: Parameters = try Fixture(name, in: .module).parameters()
            return try ConfigurationReader.read(LossConfiguration(), yaml: parameters.section, file: name).name
        }
        #expect(Set(sections) == Set(LossCatalog.all.map { $0.name }))
    }

    @Test("the gradient is the derivative of the sum", arguments: LossCatalog.all.map { $0.name })
    func derivative(name: String) throws {
        var generator = CaseGenerator(seed: 19)
        let (rows, classes) = (7, 5)
        let loss = try loss(name, classes: classes)
        let logits = generator.tensor([rows, classes])
        let targets = (0..<rows).map { _ in Int32(generator.integer(in: 0...classes - 1)) }
        let direction = generator.tensor(logits.shape).elements
        let engine = try Engine()
        func value(_ distance: Float) -> Double {
            let moved = zip(logits.elements, direction).map { $0 + distance * $1 }
            return Double(loss.evaluate(Tensor(logits.shape, moved), targets, engine).sum)
        }
        let expected = (value(0x1p-7) - value(-0x1p-7)) * 0x1p6
        let gradient = loss.evaluate(logits, targets, engine).gradient.elements
        let found = zip(gradient, direction).reduce(0) { $0 + Double($1.0 * $1.1) }
        #expect(abs(found - expected) <= 1e-3 * max(1, abs(expected)))
    }

    @Test("sums and weights of parts of a batch add up to those of the whole", arguments: golden)
    func parts(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let (logits, targets) = (try fixture.tensor("logits"), try fixture.integers("target"))
        let (rows, classes) = (logits.shape[0], logits.shape[1])
        let loss = try loss(parameters.section, classes: classes)
        let engine = try Engine()
        let whole = loss.evaluate(logits, targets, engine)
        let cut = rows / 2
        let parts = [0..<cut, cut..<rows].map { range in
            loss.evaluate(
                Tensor(
                    [range.count, classes],
                    Array(logits.elements[range.lowerBound * classes..<range.upperBound * classes])),
                Array(targets[range]), engine)
        }
        #expect(parts.flatMap(\.gradient.elements) == whole.gradient.elements)
        #expect(abs(parts[0].weight + parts[1].weight - whole.weight) <= 1e-6 * whole.weight)
        #expect(abs(parts[0].sum + parts[1].sum - whole.sum) <= 1e-6 * abs(whole.sum))
    }

    @Test("a batch of ignored samples has a loss of 0, a weight of 0 and a gradient of 0")
    func ignored() throws {
        let result = try loss("{name: cross_entropy, ignore_index: 1, label_smoothing: 0.1}", classes: 2)
            .evaluate(Tensor([2, 2], [3, 1, -.infinity, 1]), [1, 1], try Engine())
        #expect(result.sum == 0 && result.weight == 0 && result.mean == 0)
        #expect(result.gradient.elements == [0, 0, 0, 0])
        #expect(result.correct == 1, "the accuracy takes all samples")
    }

    @Test("a logit that is not a number is not hidden", arguments: LossCatalog.all.map { $0.name })
    func notANumber(name: String) throws {
        let result = try loss(name, classes: 2).evaluate(Tensor([1, 2], [.nan, 1]), [0], try Engine())
        #expect(result.sum.isNaN)
    }

    @Test("of equal logits the first counts as the largest")
    func tie() throws {
        let result = SoftmaxCrossEntropy().evaluate(Tensor([2, 2], [1, 1, 1, 1]), [0, 1], try Engine())
        #expect(result.correct == 1)
    }

    @Test("impossible values, keys of other losses and unknown names are refused")
    func refusals() {
        #expect(
            problem("{name: focl}")
                == "loss:1: 'name' names an unknown loss 'focl'; known: cross_entropy, focal, mse, bce_with_logits; "
                + "did you mean 'focal'?")
        #expect(problem("{label_smoothing: 1.5}") == "loss:1: 'label_smoothing' must be in [0, 1], found 1.5")
        #expect(
            problem("{class_weights: [1, -0.5, 1]}") == "loss:1: 'class_weights' must not be negative, found -0.5")
        #expect(
            problem("{class_weights: [1, 2]}") == "'loss.class_weights' has 2 numbers, but the data set has 3 classes")
        #expect(
            problem("{name: bce_with_logits, pos_weight: [1]}")
                == "'loss.pos_weight' has 1 numbers, but the data set has 3 classes")
        #expect(problem("{name: focal, gamma: -1}") == "loss:1: 'gamma' must not be negative, found -1.0")
        #expect(problem("{name: focal, alpha: 0}") == "loss:1: 'alpha' must be positive, found 0.0")
        #expect(
            problem("{name: focal, label_smoothing: 0.1}")
                == "loss:1: unknown key 'label_smoothing'; known: name, alpha, gamma")
        #expect(problem("{name: mse, gamma: 2}") == "loss:1: unknown key 'gamma'; known: name")
    }

    @Test("what is written reads back, with the keys of the loss and no others")
    func written() throws {
        let configuration = try ConfigurationReader.read(
            LossConfiguration(), yaml: "{name: focal, gamma: 1.5}", file: "loss")
        let text = try ConfigurationWriter.write(configuration)
        #expect(text == "name: focal\nalpha: 0.25\ngamma: 1.5\n")
        #expect(try ConfigurationReader.read(LossConfiguration(), yaml: text, file: "loss") == configuration)
        #expect(configuration != LossConfiguration())
    }
}
