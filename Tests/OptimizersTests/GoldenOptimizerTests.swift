import Autograd
import Configuration
import Optimizers
import Tensors
import TestSupport
import Testing

@Suite("Optimizers agree with PyTorch")
struct GoldenOptimizerTests {
    private struct Parameters: Decodable {
        let section: String
        let steps: Int
        let maximumValue: Double?

        enum CodingKeys: String, CodingKey {
            case section, steps
            case maximumValue = "maximum_value"
        }
    }

    private static let golden = Fixture.names(in: .module, startingWith: "optimizer")

    @Test("ten steps end where PyTorch's do, with the same bits on all engines", arguments: golden)
    func tenSteps(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let clipping = GradientClipping(maximumNorm: nil, maximumValue: parameters.maximumValue)
        var ends: Set<[Float]> = []
        for engineCase in EngineCase.all {
            let engine = try engineCase.make()
            let arena = goldenArena()
            try fixture.load(into: arena)
            let block = GradientBlock(for: arena)
            let configuration = try optimizer(parameters.section)
            let state = try OptimizerState(configuration, for: arena)
            for step in 0..<parameters.steps {
                for parameter in arena.parameters {
                    // As the sum of four samples.
                    let gradient = try fixture.weights("steps.grad.\(parameter.name)").row(step)
                    block.set(gradient.elements, times: 4, for: parameter)
                }
                block[.lossWeight] = 4
                state.update(
                    arena, block, learningRate: configuration.rule.learningRate, clipping: clipping, engine)
                for parameter in arena.parameters {
                    let expected = try fixture.weights("steps.parameter.\(parameter.name)").row(step)
                    let difference = disagreement(arena.value(of: parameter), expected, relative: 2e-6)
                    #expect(difference == nil, "\(parameter.name) after step \(step), \(engineCase)")
                    try checkSlots(state, parameter, fixture, step)
                }
            }
            #expect(state.steps == 10)
            ends.insert(arena.elements)
            #expect(arena.elements.allSatisfy { $0.isFinite }, "gaps between parameters stay numbers")
        }
        #expect(ends.count == 1)
    }

    private func checkSlots(
        _ state: OptimizerState, _ parameter: Parameter, _ fixture: Fixture, _ step: Int
    ) throws {
        for (slot, name) in zip(state.slots, state.optimizer.slotNames) {
            let key = "steps.\(name).\(parameter.name)"
            guard fixture.has(key) else {
                #expect(name == "momentum_buffer" && fixture.name.hasPrefix("optimizer_sgd"), "\(key)")
                continue
            }
            let found = Tensor(parameter.shape) {
                $0.update(from: slot + parameter.range.lowerBound, count: parameter.shape.count)
            }
            let difference = disagreement(found, try fixture.weights(key).row(step), relative: 2e-6, absolute: 1e-6)
            #expect(difference == nil, "\(key) after step \(step)")
        }
    }

    @Test("every rule has golden cases")
    func coverage() throws {
        let names = try Self.golden.map { name in
            let parameters: Parameters = try Fixture(name, in: .module).parameters()
            return try optimizer(parameters.section).name
        }
        #expect(Set(names) == Set(OptimizerCatalog.all.map { $0.name }))
    }

    private struct Bounds: Decodable {
        let norm, value: Double?

        enum CodingKeys: String, CodingKey {
            case norm = "maximum_norm"
            case value = "maximum_value"
        }
    }

    @Test(
        "clipping bounds gradients as clip_grad_norm_ and clip_grad_value_ do",
        arguments: Fixture.names(in: .module, startingWith: "clip"))
    func clipping(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let bounds: Bounds = try fixture.parameters()
        let descent = try optimizer("{learning_rate: 1, momentum: 0, nesterov: false, weight_decay: 0}")
        for engineCase in EngineCase.all {
            let arena = goldenArena()
            let block = GradientBlock(for: arena)
            for parameter in arena.parameters {
                block.set(try fixture.weights("grad.\(parameter.name)").elements, times: 8, for: parameter)
            }
            block[.lossWeight] = 8
            // From zero, plain descent with a rate of one ends at minus the gradient.
            try OptimizerState(descent, for: arena).update(
                arena, block, learningRate: 1,
                clipping: GradientClipping(maximumNorm: bounds.norm, maximumValue: bounds.value), engineCase.make())
            for parameter in arena.parameters {
                let clipped = Tensor(parameter.shape, arena.value(of: parameter).elements.map { -$0 })
                let expected = try fixture.weights("clipped.\(parameter.name)")
                #expect(disagreement(clipped, expected, relative: 1e-6) == nil, "\(parameter.name), \(engineCase)")
            }
        }
    }

    private struct Average: Decodable {
        let decay, learningRate: Double

        enum CodingKeys: String, CodingKey {
            case decay
            case learningRate = "learning_rate"
        }
    }

    @Test("the moving average of parameters and buffers is AveragedModel's with use_buffers")
    func average() throws {
        let fixture = try Fixture("average", in: .module)
        let settings: Average = try fixture.parameters()
        let descent = try optimizer("{momentum: 0, nesterov: false, weight_decay: 0}")
        for engineCase in EngineCase.all {
            let engine = try engineCase.make()
            let builder = ParameterBuilder()
            _ = builder.parameter("weight", [5], Ones())
            _ = builder.parameter("bias", [5], Zeros())
            _ = builder.buffer("running_mean", [5], initial: 0, momentum: 0.1)
            _ = builder.buffer("running_var", [5], initial: 1, momentum: 0.1)
            builder.counter("num_batches_tracked")
            let arena = builder.build(seed: 0)
            let state = try OptimizerState(descent, for: arena, averageDecay: settings.decay)
            let average = try #require(state.average)
            #expect(average.elements == arena.elements)
            for step in 0..<10 {
                let block = GradientBlock(for: arena)
                block[.lossWeight] = 1
                for parameter in arena.parameters {
                    block.set(try fixture.weights("steps.grad.\(parameter.name)").row(step).elements, for: parameter)
                }
                for buffer in arena.buffers {
                    let statistic = try fixture.weights("steps.statistic.\(buffer.name)").row(step).elements
                    for (index, value) in zip(buffer.range, statistic) { block.base[index] = value }
                }
                arena.absorb(statistics: block.base, samples: 1)
                state.update(arena, block, learningRate: settings.learningRate, engine)
                for parameter in arena.parameters {
                    let expected = try fixture.weights("steps.average.\(parameter.name)").row(step)
                    #expect(disagreement(average.value(of: parameter), expected, relative: 1e-6) == nil)
                }
                for buffer in arena.buffers {
                    let expected = try fixture.weights("steps.average.\(buffer.name)").row(step)
                    #expect(disagreement(average.value(of: buffer), expected, relative: 1e-6) == nil)
                }
            }
            #expect(average.counts == [10])
        }
    }
}

/// Fills with ones.
private struct Ones: Initializer {
    func fill(_ elements: UnsafeMutablePointer<Float>, _ shape: Shape, _ random: inout RandomStream) {
        elements.update(repeating: 1, count: shape.count)
    }
}
