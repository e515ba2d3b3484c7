import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Shards of a batch add up")
struct ShardSumTests {
    /// Enough channels and pixels that a convolution takes one image at a time.
    private func network(_ builder: ParameterBuilder) -> any Layer {
        Sequential(
            builder,
            [
                Convolution2D(builder.scope("0"), from: 14, to: 4, kernel: 3, padding: 1), ReLU(builder.scope("1")),
                Convolution2D(builder.scope("2"), from: 4, to: 4, kernel: 3, padding: 1, groups: 4),
                MaxPool2D(builder.scope("3"), kernel: 2), Flatten(builder.scope("4")),
                Linear(builder.scope("5"), from: 576, to: 3),
            ])
    }

    @Test("the gradients of two half batches sum to the whole batch's", arguments: EngineCase.all)
    func halves(engineCase: EngineCase) throws {
        let builder = ParameterBuilder()
        let layer = network(builder)
        let arena = builder.build(seed: 1)
        let engine = try engineCase.make()
        var generator = CaseGenerator(seed: 41)
        let images = 22
        let input = generator.tensor([images, 24, 24, 14])
        let upstream = generator.tensor([images, 3])
        func pass(_ range: Range<Int>) -> [String: Tensor] {
            Pass(layer, arena, input.samples(range), engine: engine) { _ in upstream.samples(range) }.gradients
        }
        let (whole, front, back) = (pass(0..<images), pass(0..<7), pass(7..<images))
        for (name, expected) in whole {
            let (a, b) = (try #require(front[name]), try #require(back[name]))
            let sum = Tensor(expected.shape, zip(a.elements, b.elements).map { $0 + $1 })
            #expect(disagreement(sum, expected, relative: 1e-5) == nil, "\(name)")
        }
    }

    @Test("running statistics of two shards are the averages of theirs, weighted by samples")
    func statistics() throws {
        let builder = ParameterBuilder()
        let layer = BatchNorm(builder, channels: 1, momentum: 0.5)
        let arena = builder.build(seed: 1)
        let block = GradientBlock(for: arena)
        let shards = [Tensor([3, 1, 1, 1], [1, 2, 3]), Tensor([1, 1, 2, 1], [10, 14])]
        for shard in shards { _ = Pass(layer, arena, shard, engine: try Engine(), block: block) { $0 } }
        arena.absorb(statistics: block.base, samples: 4)
        // Means 2 and 12, unbiased variances 1 and 8; 3 and 1 samples; half of it moves into 0 and 1.
        let expected: [[Float]] = [[0.5 * 18 / 4], [0.5 + 0.5 * 11 / 4]]
        #expect(arena.buffers.map { arena.value(of: $0).elements } == expected)
        #expect(arena.counts == [1])
    }
}

extension Tensor {
    /// The samples of a range, copied.
    fileprivate func samples(_ range: Range<Int>) -> Tensor {
        let size = count / shape[0]
        return Tensor(
            Shape([range.count] + shape.dimensions.dropFirst()),
            Array(elements[range.lowerBound * size..<range.upperBound * size]))
    }
}
