import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Every layer keeps the contract of a layer")
struct LayerContractTests {
    @Test("outputShape tells the shape that forward gives, in training and evaluation", arguments: LayerCase.names)
    func outputShape(name: String) throws {
        let network = try LayerCase(name)
        let shape = network.input.shape
        let promised = try network.layer.outputShape(for: Shape(Array(shape.dimensions.dropFirst())))
        let engine = try Engine()
        for mode in [ForwardContext.Mode.training, .evaluation] {
            let tape = Tape(engine: engine, arena: network.arena)
            let output = network.layer(
                tape.constant(network.input), ForwardContext(tape: tape, mode: mode, lengths: network.lengths))
            #expect(output.value.shape == Shape([shape[0]] + promised.dimensions))
        }
    }

    // With a single frame no gradient reaches the weights of the previous state.
    @Test(
        "the input and every parameter receive a gradient",
        arguments: LayerCase.names.filter { !$0.hasSuffix("of_one_frame") })
    func gradients(name: String) throws {
        let network = try LayerCase(name)
        var generator = CaseGenerator(seed: 11)
        let pass = Pass(network.layer, network.arena, network.input, engine: try Engine(), lengths: network.lengths) {
            generator.tensor($0.shape)
        }
        #expect(pass.inputGradient.elements.contains { $0 != 0 })
        for (name, gradient) in pass.gradients {
            #expect(gradient.elements.contains { $0 != 0 }, "\(name)")
            #expect(gradient.elements.allSatisfy { $0.isFinite }, "\(name)")
        }
    }

    @Test("a second pass of the same numbers gives the same bits", arguments: LayerCase.names)
    func repetition(name: String) throws {
        let network = try LayerCase(name)
        let engine = try Engine()
        let passes = (0..<2).map { _ in
            var generator = CaseGenerator(seed: 13)
            return Pass(network.layer, network.arena, network.input, engine: engine, lengths: network.lengths) {
                generator.tensor($0.shape)
            }
        }
        #expect(passes[1].differences(from: passes[0]) == [])
    }

    @Test("gradients of two passes into one block add up", arguments: LayerCase.names)
    func accumulation(name: String) throws {
        let network = try LayerCase(name)
        let engine = try Engine()
        let block = GradientBlock(for: network.arena)
        let passes = (0..<2).map { _ in
            var generator = CaseGenerator(seed: 17)
            return Pass(
                network.layer, network.arena, network.input, engine: engine, block: block, lengths: network.lengths
            ) {
                generator.tensor($0.shape)
            }
        }
        for (name, once) in passes[0].gradients {
            let twice = try #require(passes[1].gradients[name])
            let doubled = Tensor(once.shape, once.elements.map { 2 * $0 })
            #expect(disagreement(twice, doubled, relative: 1e-6, absolute: 2e-6) == nil, "\(name)")
        }
    }

    @Test("an observer sees the output under the layer's path")
    func observers() throws {
        let builder = ParameterBuilder()
        let inner = ReLU(builder.scope("body").scope("relu"))
        let network = Sequential(builder.scope("body"), [inner])
        let tape = Tape(engine: try Engine(), arena: builder.build(seed: 1))
        var seen: [[Float]] = []
        let context = ForwardContext(
            tape: tape, mode: .evaluation, observers: ["body.relu": { seen.append($0.value.elements) }])
        _ = network(tape.constant(Tensor([1, 2], [-1, 2])), context)
        #expect(seen == [[0, 2]])
    }
}
