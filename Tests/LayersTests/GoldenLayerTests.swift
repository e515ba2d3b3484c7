import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Layers agree with PyTorch")
struct GoldenLayerTests {
    @Test("output, gradients and running statistics are PyTorch's", arguments: LayerCase.golden)
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        for engineCase in EngineCase.single {
            let network = try LayerCase(name)
            for step in ["first", "second"] where fixture.has("\(step).input") {
                try check(network, fixture, step, engineCase)
            }
        }
    }

    @Test("the number of threads does not change a bit", arguments: LayerCase.golden)
    func sameBits(name: String) throws {
        let upstream = try Fixture(name, in: .module).tensor("first.grad.output")
        let network = try LayerCase(name)
        func pass(_ engineCase: EngineCase) throws -> Pass {
            Pass(
                network.layer, network.arena, network.input, mode: network.mode, engine: try engineCase.make(),
                lengths: network.lengths
            ) { _ in
                upstream
            }
        }
        for engineCase in EngineCase.single {
            let expected = try pass(engineCase)
            for threads in 2...3 {
                let differences = try pass(engineCase.with(threads: threads)).differences(from: expected)
                #expect(differences == [], "\(engineCase), \(threads) threads")
            }
        }
    }

    private func check(_ network: LayerCase, _ fixture: Fixture, _ step: String, _ engineCase: EngineCase) throws {
        let arena = network.arena
        // Rounding reaches 1e-6 in a block of layers; a mean of 30 deviations costs more than a digit.
        let tolerance = fixture.name == "batch_norm_far_from_zero" ? 5e-5 : 3e-6
        let input = try fixture.tensor("\(step).input")
        let upstream = try fixture.tensor("\(step).grad.output")
        let block = GradientBlock(for: arena)
        let pass = Pass(
            network.layer, arena, input, mode: network.mode, engine: try engineCase.make(), block: block,
            lengths: network.lengths
        ) { _ in upstream }
        let label: Comment = "\(step) batch, \(engineCase)"
        let output = try fixture.tensor("\(step).output")
        #expect(disagreement(pass.output, output, relative: tolerance) == nil, label)
        let inputGradient = try fixture.tensor("\(step).grad.input")
        #expect(disagreement(pass.inputGradient, inputGradient, relative: tolerance) == nil, label)
        for parameter in arena.parameters {
            let gradient = try #require(pass.gradients[parameter.name])
            let expected = try fixture.weights("\(step).grad.\(parameter.name)")
            // A bias before batch norm has a gradient of exactly zero, of which rounding leaves some 1e-6.
            let difference = disagreement(gradient, expected, relative: tolerance, absolute: 1e-5)
            #expect(difference == nil, "\(parameter.name), \(label)")
        }
        if network.mode == .training { arena.absorb(statistics: block.base, samples: Float(input.shape[0])) }
        for buffer in arena.buffers {
            let expected = try fixture.weights("\(step).buffer.\(buffer.name)")
            #expect(disagreement(arena.value(of: buffer), expected, relative: 1e-6) == nil, "\(buffer.name), \(label)")
        }
        for (counter, count) in zip(arena.counters, arena.counts) {
            let expected = try fixture.integers("\(step).buffer.\(counter.name)")
            #expect(expected == [Int32(count)], "\(counter.name), \(label)")
        }
    }
}
