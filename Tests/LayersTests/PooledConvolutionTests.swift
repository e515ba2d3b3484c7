import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("A convolution, ReLU and pooling")
struct PooledConvolutionTests {
    /// A network and its batch.
    private struct Case: LayerStack, CustomStringConvertible {
        let description: String
        let layers: [any Layer]
        let arena: ParameterArena
        let input: Tensor

        init(seed: UInt64) {
            var generator = CaseGenerator(seed: seed)
            // Few channels, or whole vectors of them with 3×3 taps, each of which has kernels of its own.
            let isWide = seed % 2 == 1
            let inputs = isWide ? generator.element(of: [4, 8, 16, 32]) : generator.integer(in: 1...5)
            let outputs = generator.element(of: isWide ? [32, 64, 80] : [16, 32, 48, 80])
            let sizes = isWide ? [3, 3] : [generator.integer(in: 1...5), generator.integer(in: 1...5)]
            let kernel = Extent2(sizes: sizes)
            let padding = Extent2(sizes: [generator.integer(in: 0...2), generator.integer(in: 0...2)])
            // The first sizes are pooled in quarters, the others are not.
            let window = generator.element(of: [2, 2, 2, 3])
            let stride = generator.element(of: [2, 2, 2, 1])
            // More images than a part has.
            let images = generator.element(of: [1, 3, 30])
            let (height, width) = (generator.integer(in: 7...20), generator.integer(in: 7...20))
            description =
                "seed \(seed): \(inputs)→\(outputs) on \(images) × \(height) × \(width), kernel \(kernel), "
                + "padding \(padding), windows of \(window) every \(stride)"
            let builder = ParameterBuilder()
            layers = [
                Convolution2D(builder.scope("a"), from: inputs, to: outputs, kernel: kernel, padding: padding),
                ReLU(builder.scope("b")),
                MaxPool2D(
                    builder.scope("c"), kernel: Extent2(window),
                    stride: Extent2(stride)),
            ]
            arena = builder.build(seed: seed)
            input = generator.tensor([images, height, width, inputs])
        }
    }

    @Test("give the gradients that they give one after the other, to rounding", arguments: 0..<40 as Range<UInt64>)
    func equality(seed: UInt64) throws {
        let sizes = Case(seed: seed)
        for entry in EngineCase.single {
            // Another order of sums may change a window's winner, so both are the direct method's.
            let engine = try Engine(entry.instructionSet, convolution: .direct)
            let (fused, single) = (sizes.pass(sizes.chain, engine), sizes.pass(Steps(layers: sizes.layers), engine))
            #expect(isIdentical(fused.output, single.output), "\(entry) \(sizes)")
            #expect(disagreement(fused.inputGradient, single.inputGradient, relative: 1e-5) == nil, "\(entry) \(sizes)")
            for (name, expected) in single.gradients {
                let found = try #require(fused.gradients[name])
                #expect(disagreement(found, expected, relative: 1e-5) == nil, "\(entry) \(sizes) \(name)")
            }
        }
    }

    @Test(
        "give the same bits for any number of threads, and whether or not the input's gradient is wanted",
        arguments: 0..<20 as Range<UInt64>)
    func bits(seed: UInt64) throws {
        let sizes = Case(seed: seed)
        for entry in EngineCase.single {
            let one = sizes.pass(sizes.chain, try entry.make())
            for threads in [2, 3] {
                let more = sizes.pass(sizes.chain, try entry.with(threads: threads).make())
                #expect(more.differences(from: one) == [], "\(entry) \(threads) \(sizes)")
                let last = sizes.pass(
                    sizes.chain, try entry.with(threads: threads).make(), wantsInputGradient: false)
                #expect(last.differences(from: one) == ["input"], "\(entry) \(threads) \(sizes)")
            }
        }
    }
}
