import Autograd
import Optimizers
import Tensors
import TestSupport
import Testing

@Suite("Optimizers agree with PyTorch")
struct GoldenOptimizerTests {
    private struct Steps: Decodable { let steps: Int }

    @Test("ten steps end where PyTorch's do", arguments: Fixture.names(in: .module, startingWith: "sgd"))
    func tenSteps(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let configuration: OptimizerConfiguration = try fixture.configuration()
        let steps = try fixture.parameters(as: Steps.self).steps
        #expect(configuration.problems().isEmpty && steps == 10)
        var ends: [[Float]] = []
        for engineCase in EngineCase.all {
            let engine = try engineCase.make()
            let arena = goldenArena()
            try fixture.load(into: arena)
            let block = GradientBlock(for: arena)
            let state = OptimizerState(try OptimizerCatalog.make(configuration), for: arena)
            for step in 0..<steps {
                for parameter in arena.parameters {
                    // As the sum of four samples.
                    let gradient = try fixture.weights("steps.grad.\(parameter.name)").row(step)
                    block.set(gradient.elements, times: 4, for: parameter)
                }
                state.update(arena, block, learningRate: configuration.learningRate, gradientScale: 0.25, engine)
                for parameter in arena.parameters {
                    let expected = try fixture.weights("steps.parameter.\(parameter.name)").row(step)
                    let difference = disagreement(arena.value(of: parameter), expected, relative: 1e-6)
                    #expect(difference == nil, "\(parameter.name) after step \(step), \(engineCase)")
                    try checkMomentum(state, parameter, fixture, step)
                }
            }
            #expect(state.steps == steps)
            ends.append(Array(UnsafeBufferPointer(start: arena.values, count: arena.count)))
        }
        #expect(Set(ends).count == 1, "all engines give the same bits")
    }

    private func checkMomentum(
        _ state: OptimizerState, _ parameter: Parameter, _ fixture: Fixture, _ step: Int
    ) throws {
        let key = "steps.momentum_buffer.\(parameter.name)"
        guard fixture.has(key) else { return }
        let found = Tensor(parameter.shape) {
            $0.update(from: state.slots[0] + parameter.range.lowerBound, count: parameter.shape.count)
        }
        let expected = try fixture.weights(key).row(step)
        #expect(
            disagreement(found, expected, relative: 1e-6, absolute: 1e-6) == nil, "\(parameter.name) after step \(step)"
        )
    }

    private struct Clipping: Decodable {
        let maximumNorm: Float

        enum CodingKeys: String, CodingKey { case maximumNorm = "maximum_norm" }
    }

    @Test(
        "clipping scales gradients as clip_grad_norm_ does", arguments: Fixture.names(in: .module, startingWith: "clip")
    )
    func clipping(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let clipping = GradientClipping(maximumNorm: try fixture.parameters(as: Clipping.self).maximumNorm)
        let arena = goldenArena()
        let block = GradientBlock(for: arena)
        for parameter in arena.parameters {
            block.set(try fixture.weights("grad.\(parameter.name)").elements, times: 8, for: parameter)
        }
        for engineCase in EngineCase.all {
            let factor = clipping.factor(block, scale: 0.125, try engineCase.make())
            for parameter in arena.parameters {
                let gradient = block.gradient(of: parameter)
                let clipped = Tensor(gradient.shape, gradient.elements.map { $0 * 0.125 * factor })
                let expected = try fixture.weights("clipped.\(parameter.name)")
                #expect(disagreement(clipped, expected, relative: 1e-6) == nil, "\(parameter.name), \(engineCase)")
            }
        }
    }

    @Test("clipping does not hide gradients that are not numbers")
    func clippingOfNaN() throws {
        let block = GradientBlock(for: goldenArena())
        block.base[block.parameterRange.lowerBound] = .nan
        #expect(GradientClipping(maximumNorm: 1).factor(block, scale: 1, try Engine(.baseline)).isNaN)
    }

    @Test("clipping leaves gradients of zero at zero")
    func clippingOfZero() throws {
        let factor = GradientClipping(maximumNorm: 1).factor(GradientBlock(for: goldenArena()), scale: 1, try Engine())
        #expect(factor == 1)
    }
}

extension Fixture {
    private struct Settings: Decodable {
        let name: String
        let learningRate, momentum, dampening, weightDecay: Float
        let nesterov: Bool

        enum CodingKeys: String, CodingKey {
            case name, momentum, dampening, nesterov
            case learningRate = "learning_rate"
            case weightDecay = "weight_decay"
        }
    }

    /// The optimizer settings of the case, which also tell the number of steps.
    fileprivate func configuration() throws -> OptimizerConfiguration {
        let settings: Settings = try parameters()
        var configuration = OptimizerConfiguration()
        configuration.name = settings.name
        configuration.learningRate = settings.learningRate
        configuration.momentum = settings.momentum
        configuration.dampening = settings.dampening
        configuration.nesterov = settings.nesterov
        configuration.weightDecay = settings.weightDecay
        return configuration
    }
}
