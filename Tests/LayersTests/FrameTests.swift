import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Frames and the last of them")
struct FrameTests {
    @Test("a layer over frames gives what it gives for each frame alone")
    func eachFrame() throws {
        let builder = ParameterBuilder()
        let convolution = Convolution2D(builder, from: 2, to: 3, kernel: 3, padding: 1)
        let arena = builder.build(seed: 3)
        var generator = CaseGenerator(seed: 47)
        let clips = generator.tensor([2, 3, 4, 5, 2])
        let engine = try Engine()
        let alone = Pass(convolution, arena, clips.reshaped(to: [6, 4, 5, 2]), engine: engine) { $0 }
        let pass = Pass(Frames(builder.scope("frames"), convolution), arena, clips, engine: engine) { $0 }
        #expect(pass.output.shape == [2, 3, 4, 5, 3])
        #expect(isIdentical(pass.output.reshaped(to: alone.output.shape), alone.output))
        #expect(isIdentical(pass.inputGradient.reshaped(to: [6, 4, 5, 2]), alone.inputGradient))
        #expect(pass.gradients.mapValues(\.elements) == alone.gradients.mapValues(\.elements))
    }

    @Test("running statistics of a batch norm over frames are those of all frames")
    func statistics() throws {
        let builder = ParameterBuilder()
        let layer = Frames(builder.scope("frames"), BatchNorm(builder, channels: 1, momentum: 1))
        let arena = builder.build(seed: 1)
        let block = GradientBlock(for: arena)
        let clips = Tensor([2, 2, 1, 1, 1], [1, 2, 3, 6])
        _ = Pass(layer, arena, clips, engine: try Engine(), block: block) { $0 }
        arena.absorb(statistics: block.base, samples: 2)
        // A mean of 3, an unbiased variance of 14 / 3.
        #expect(arena.buffers.map { arena.value(of: $0).elements } == [[3], [14 / 3]])
    }

    @Test("the last frame, or the last one before the padding, passes and takes the gradient")
    func lastOutput() throws {
        let clips = Tensor([2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        let arena = ParameterBuilder().build(seed: 1)
        func pass(valid: Bool, _ lengths: [Int]?) throws -> Pass {
            let layer = LastOutput(ParameterBuilder(), valid: valid)
            return Pass(layer, arena, clips, engine: try Engine(), lengths: lengths) { $0 }
        }
        for last in [try pass(valid: true, nil), try pass(valid: false, [2, 1])] {
            #expect(isIdentical(last.output, Tensor([2, 2], [5, 6, 11, 12])))
            #expect(isIdentical(last.inputGradient, Tensor([2, 3, 2], [0, 0, 0, 0, 5, 6, 0, 0, 0, 0, 11, 12])))
        }
        let valid = try pass(valid: true, [2, 1])
        #expect(isIdentical(valid.output, Tensor([2, 2], [3, 4, 7, 8])))
        #expect(isIdentical(valid.inputGradient, Tensor([2, 3, 2], [0, 0, 3, 4, 0, 0, 7, 8, 0, 0, 0, 0])))
    }

    @Test("the last of some images is an image")
    func lastImage() throws {
        let layer = LastOutput(ParameterBuilder())
        let images = Tensor([1, 2, 1, 2, 1], [1, 2, 3, 4])
        let pass = Pass(layer, ParameterBuilder().build(seed: 1), images, engine: try Engine()) { $0 }
        #expect(isIdentical(pass.output, Tensor([1, 1, 2, 1], [3, 4])))
        #expect(try layer.outputShape(for: [2, 1, 2, 1]) == [1, 2, 1])
    }

    @Test("what has no frames is refused with the layer's name and the shape")
    func shapes() {
        let builder = ParameterBuilder().scope("encoder")
        let inner = Convolution2D(builder.scope("0"), from: 3, to: 4, kernel: 3)
        let cases: [(any Layer, Shape, String)] = [
            (
                Frames(builder, inner), [9],
                "layer 'encoder' takes a sequence [T, …], but its input is a sample of shape [9]"
            ),
            (
                Frames(builder, inner), [16, 8, 8, 1],
                "layer 'encoder.0' takes an image [H, W, 3], but its input is a sample of shape [8, 8, 1]"
            ),
            (
                LastOutput(builder), [0, 5],
                "layer 'encoder' takes a sequence [T, …], but its input is a sample of shape [0, 5]"
            ),
        ]
        for (layer, sample, text) in cases {
            let error = #expect(throws: ShapeError.self) { _ = try layer.outputShape(for: sample) }
            #expect(error?.description == text)
        }
    }
}
