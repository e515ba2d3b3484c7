import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Convolutions with ReLU one after the other")
struct ConvolutionChainTests {
    /// A network and its batch.
    private struct Case: LayerStack, CustomStringConvertible {
        let description: String
        let layers: [any Layer]
        let arena: ParameterArena
        let input: Tensor

        init(seed: UInt64) throws {
            var generator = CaseGenerator(seed: seed)
            let builder = ParameterBuilder()
            var layers: [any Layer] = []
            var text: [String] = []
            let (height, width) = (generator.integer(in: 12...20), generator.integer(in: 12...20))
            // More images than pass at a time.
            let images = generator.element(of: [1, 3, 21])
            let first = generator.element(of: [1, 3, 16])
            var channels = first
            for link in 0..<generator.integer(in: 2...3) {
                // The widest are computed output by output, so they stay alone.
                let outputs = generator.element(of: [16, 16, 32, 5, 176])
                let kernel = channels == 176 ? 3 : generator.element(of: [1, 3, 3, 3])
                layers += [
                    Convolution2D(
                        builder.scope("c\(link)"), from: channels, to: outputs, kernel: Extent2(kernel),
                        padding: Extent2(kernel / 2), bias: generator.integer(in: 0...3) > 0),
                    ReLU(builder.scope("r\(link)")),
                ]
                text.append("\(channels)→\(outputs) by \(kernel)")
                channels = outputs
                if generator.integer(in: 0...2) > 0 {
                    let window = generator.element(of: [2, 2, 2, 3])
                    layers.append(MaxPool2D(builder.scope("p\(link)"), kernel: Extent2(window)))
                    text.append("pooled by \(window)")
                }
            }
            if generator.integer(in: 0...2) > 0 {
                layers.append(Flatten(builder.scope("flat")))
                text.append("flattened")
            }
            self.layers = layers
            arena = builder.build(seed: seed)
            input = generator.tensor([images, height, width, first])
            description = "seed \(seed): \(images) × \(height) × \(width), " + text.joined(separator: ", ")
        }
    }

    @Test("give what they give by themselves, to rounding", arguments: 0..<40 as Range<UInt64>)
    func equality(seed: UInt64) throws {
        let example = try Case(seed: seed)
        for entry in EngineCase.single {
            // Another order of sums may change a window's winner, so both are the direct method's.
            let engine = try Engine(entry.instructionSet, convolution: .direct)
            let (chained, single) = (
                example.pass(example.chain, engine), example.pass(Steps(layers: example.layers), engine)
            )
            #expect(isIdentical(chained.output, single.output), "\(entry) \(example)")
            #expect(
                disagreement(chained.inputGradient, single.inputGradient, relative: 1e-5) == nil, "\(entry) \(example)")
            for (name, expected) in single.gradients {
                let found = try #require(chained.gradients[name])
                #expect(disagreement(found, expected, relative: 1e-5) == nil, "\(entry) \(example) \(name)")
            }
        }
    }

    @Test(
        "give the same bits for any number of threads, and whether or not the input's gradient is wanted",
        arguments: 0..<20 as Range<UInt64>)
    func bits(seed: UInt64) throws {
        let example = try Case(seed: seed)
        for entry in EngineCase.single {
            let one = example.pass(example.chain, try entry.make())
            for threads in [2, 3] {
                let more = example.pass(example.chain, try entry.with(threads: threads).make())
                #expect(more.differences(from: one) == [], "\(entry) \(threads) \(example)")
                let last = example.pass(
                    example.chain, try entry.with(threads: threads).make(), wantsInputGradient: false)
                #expect(last.differences(from: one) == ["input"], "\(entry) \(threads) \(example)")
            }
        }
    }

    @Test("show each layer's output to its observer", arguments: [false, true])
    func observers(flattens: Bool) throws {
        let builder = ParameterBuilder()
        let layers: [any Layer] =
            [
                Convolution2D(builder.scope("a"), from: 3, to: 16, kernel: 3, padding: 1), ReLU(builder.scope("b")),
                MaxPool2D(builder.scope("c"), kernel: 2),
                Convolution2D(builder.scope("d"), from: 16, to: 32, kernel: 3, padding: 1), ReLU(builder.scope("e")),
                MaxPool2D(builder.scope("f"), kernel: 2),
            ] + (flattens ? [Flatten(builder.scope("g"))] : [])
        let chain = Sequential(builder.scope("chain"), layers)
        let arena = builder.build(seed: 5)
        var generator = CaseGenerator(seed: 43)
        let input = generator.tensor([2, 8, 8, 3])
        var shapes: [String: Shape] = [:]
        func output(observing path: String?) throws -> Tensor {
            let tape = Tape(engine: try Engine(), arena: arena, block: GradientBlock(for: arena))
            let observers = path.map { path in [path: { (output: Variable) in shapes[path] = output.value.shape }] }
            let context = ForwardContext(tape: tape, mode: .training, observers: observers ?? [:])
            return chain(tape.constant(input), context).value
        }
        let plain = try output(observing: nil)
        for layer in layers {
            let observed = try output(observing: layer.path)
            #expect(disagreement(observed, plain, relative: 1e-4, absolute: 1e-5) == nil, "\(layer.path)")
        }
        #expect(shapes["b"] == [2, 8, 8, 16] && shapes["c"] == [2, 4, 4, 16] && shapes["e"] == [2, 4, 4, 32])
        #expect(shapes["f"] == [2, 2, 2, 32] && shapes["g"] == (flattens ? [2, 128] : nil))
    }
}
