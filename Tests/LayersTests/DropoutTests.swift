import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Dropout")
struct DropoutTests {
    private let count = 40_000

    private func pass(
        probability: Float = 0.3, streamPath: [UInt64] = [], mode: ForwardContext.Mode = .training,
        engineCase: EngineCase = .baseline
    ) throws -> Pass {
        let builder = ParameterBuilder()
        let layer = Dropout(builder, probability: probability)
        let ones = Tensor([2, count / 2], Array(repeating: 1, count: count))
        return Pass(
            layer, builder.build(seed: 1), ones, mode: mode, engine: try engineCase.make(), streamPath: streamPath
        ) { Tensor($0.shape, Array(repeating: 1, count: count)) }
    }

    @Test("drops the given share and scales the rest up", arguments: [Float(0.1), 0.3, 0.5, 0.9])
    func rate(probability: Float) throws {
        let output = try pass(probability: probability).output.elements
        let dropped = output.filter { $0 == 0 }.count
        let expected = Double(count) * Double(probability)
        // Four standard deviations of a binomial count.
        let room = 4 * (expected * Double(1 - probability)).squareRoot()
        #expect(abs(Double(dropped) - expected) <= room)
        #expect(output.allSatisfy { $0 == 0 || $0 == 1 / (1 - probability) })
    }

    @Test("backward uses the mask of forward")
    func sameMask() throws {
        let pass = try pass()
        #expect(pass.inputGradient.elements == pass.output.elements)
    }

    @Test("the mask is a function of the stream path alone, not of threads or instruction set")
    func determinism() throws {
        let expected = try pass(streamPath: [3, 4]).output
        for engineCase in EngineCase.all {
            let output = try pass(streamPath: [3, 4], engineCase: engineCase).output
            #expect(isIdentical(output, expected), "\(engineCase)")
        }
        let (other, swapped) = (try pass(streamPath: [3, 5]).output, try pass(streamPath: [4, 3]).output)
        #expect(!isIdentical(other, expected))
        #expect(!isIdentical(swapped, expected))
    }

    @Test("two layers of one pass draw different masks")
    func layersDiffer() throws {
        let builder = ParameterBuilder()
        let layers = ["a", "b"].map { Dropout(builder.scope($0), probability: 0.5) }
        let tape = Tape(engine: try Engine(), arena: builder.build(seed: 1))
        let context = ForwardContext(tape: tape, mode: .training)
        let ones = tape.constant(Tensor([1, 64], Array(repeating: 1, count: 64)))
        let masks = layers.map { $0(ones, context).value.elements }
        #expect(masks[0] != masks[1])
    }

    @Test("passes its input in evaluation")
    func evaluation() throws {
        let output = try pass(mode: .evaluation).output.elements
        #expect(output.allSatisfy { $0 == 1 })
    }

    @Test("drops independently of neighbours")
    func independence() throws {
        let kept = try pass(probability: 0.5).output.elements.map { $0 != 0 }
        for lag in [1, 2, 7, 64] {
            let equal = (0..<count - lag).filter { kept[$0] == kept[$0 + lag] }.count
            #expect(abs(Double(equal) - Double(count - lag) / 2) <= 4 * Double(count).squareRoot() / 2, "lag \(lag)")
        }
    }

    @Test("channel dropout drops whole channels of each sample, forward and backward alike")
    func channels() throws {
        let builder = ParameterBuilder()
        let layer = Dropout(builder, probability: 0.25, of: .channels)
        let shape: Shape = [50, 3, 4, 40]
        let ones = Tensor(shape, Array(repeating: 1, count: shape.count))
        let passes = try EngineCase.all.map { engineCase in
            Pass(layer, builder.build(seed: 1), ones, engine: try engineCase.make()) { _ in ones }
        }
        let output = passes[0].output.elements
        // The first pixel tells what became of the channel.
        var kept: [Float] = []
        for sample in 0..<50 {
            let pixels = (0..<12).map { Array(output[((sample * 12 + $0) * 40)...].prefix(40)) }
            #expect(Set(pixels).count == 1, "sample \(sample)")
            kept += pixels[0]
        }
        #expect(Set(kept) == [0, 1 / 0.75])
        // Four standard deviations of a binomial count around 500.
        #expect(abs(kept.filter { $0 == 0 }.count - 500) <= 78)
        for pass in passes {
            #expect(isIdentical(pass.output, passes[0].output) && isIdentical(pass.inputGradient, pass.output))
        }
    }
}
