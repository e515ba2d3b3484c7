import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Convolutional LSTM")
struct ConvolutionalLSTMTests {
    @Test("its parameters are those of one convolution of frame and state")
    func parameters() {
        let builder = ParameterBuilder()
        _ = ConvolutionalLSTM(builder, from: 3, hidden: 32)
        let arena = builder.build(seed: 1)
        #expect(arena.parameters.map(\.name) == ["conv.weight", "conv.bias"])
        #expect(arena.parameters.map(\.shape) == [[128, 35, 3, 3], [128]])
        let bound = 1 / Float(35 * 9).squareRoot()
        for parameter in arena.parameters {
            let values = arena.value(of: parameter).elements
            #expect(values.allSatisfy { abs($0) <= bound } && values.contains { $0 > 0.95 * bound })
        }
    }

    @Test("without a gradient of the input, those of the parameters are the same")
    func constantInput() throws {
        let builder = ParameterBuilder()
        let layer = ConvolutionalLSTM(builder, from: 2, hidden: 16)
        let arena = builder.build(seed: 3)
        var generator = CaseGenerator(seed: 53)
        let clips = generator.tensor([2, 3, 4, 5, 2])
        let engine = try Engine()
        let expected = Pass(layer, arena, clips, engine: engine) { $0 }
        let block = GradientBlock(for: arena)
        let tape = Tape(engine: engine, arena: arena, block: block)
        let output = layer(tape.constant(clips), ForwardContext(tape: tape, mode: .training))
        tape.backward(from: output, gradient: output.value)
        for parameter in arena.parameters {
            let gradient = try #require(expected.gradients[parameter.name])
            #expect(isIdentical(block.gradient(of: parameter), gradient), "\(parameter.name)")
        }
    }

    @Test("an unsuitable sample is refused with the layer's name and the shape")
    func shapes() {
        let layer = ConvolutionalLSTM(ParameterBuilder().scope("cell"), from: 3, hidden: 4)
        for sample in [[32, 32, 3], [16, 32, 32, 1], [0, 32, 32, 3]].map(Shape.init) {
            let error = #expect(throws: ShapeError.self) { _ = try layer.outputShape(for: sample) }
            #expect(
                error?.description
                    == "layer 'cell' takes a clip [T, H, W, 3], but its input is a sample of shape \(sample)")
        }
    }
}

extension GradientCheckTests {
    @Test("convolutional LSTMs of random sizes", arguments: 300..<308)
    func convolutionalLSTM(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = ConvolutionalLSTMSizes()
        sizes.clips = generator.integer(in: 1...2)
        sizes.frames = generator.integer(in: 1...3)
        sizes.height = generator.integer(in: 1...4)
        sizes.width = generator.integer(in: 1...4)
        sizes.from = generator.integer(in: 1...3)
        sizes.hidden = generator.element(of: [1, 3, 8, 16])
        sizes.kernel = generator.element(of: [1, 3])
        let input: Shape = [sizes.clips, sizes.frames, sizes.height, sizes.width, sizes.from]
        try check(convolutionalLSTMReference(sizes), input: input, seed: seed, directions: 1) {
            ConvolutionalLSTM($0, from: sizes.from, hidden: sizes.hidden, kernel: sizes.kernel)
        }
    }
}
