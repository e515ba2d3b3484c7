import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Initial values")
struct InitializerTests {
    private func values(seed: UInt64 = 1, _ make: (ParameterBuilder) -> Void) -> [String: [Float]] {
        let builder = ParameterBuilder()
        make(builder)
        let arena = builder.build(seed: seed)
        return Dictionary(uniqueKeysWithValues: arena.parameters.map { ($0.name, arena.value(of: $0).elements) })
    }

    @Test("filters and matrices are uniform in ±1/√fan-in, PyTorch's default")
    func uniform() throws {
        let values = values {
            _ = Convolution2D($0.scope("convolution"), from: 24, to: 64, kernel: 3)
            _ = Convolution2D($0.scope("grouped"), from: 64, to: 256, kernel: 3, groups: 4)
            _ = Linear($0.scope("linear"), from: 100, to: 200)
        }
        let fans = ["convolution": 24 * 9, "grouped": 16 * 9, "linear": 100]
        for (layer, fan) in fans {
            let bound = 1 / Double(fan).squareRoot()
            let weight = try #require(values["\(layer).weight"]).map(Double.init)
            let count = Double(weight.count)
            #expect(weight.allSatisfy { abs($0) <= bound * (1 + 1e-6) }, "\(layer)")
            #expect(weight.contains { $0 > 0.99 * bound } && weight.contains { $0 < -0.99 * bound }, "\(layer)")
            // Four standard deviations of the mean and of the variance of uniform numbers.
            let mean = weight.reduce(0, +) / count
            #expect(abs(mean) <= 4 * bound / (3 * count).squareRoot(), "\(layer)")
            let variance = weight.reduce(0) { $0 + $1 * $1 } / count
            #expect(abs(variance / (bound * bound / 3) - 1) <= 4 * (0.8 / count).squareRoot(), "\(layer)")
            let bias = try #require(values["\(layer).bias"])
            #expect(bias.allSatisfy { abs(Double($0)) <= bound * (1 + 1e-6) } && Set(bias).count > 1, "\(layer)")
        }
    }

    @Test("batch norm begins with weights of one, biases of zero, means of zero and variances of one")
    func batchNorm() {
        let builder = ParameterBuilder()
        _ = BatchNorm(builder, channels: 3)
        let arena = builder.build(seed: 1)
        #expect(arena.parameters.map { arena.value(of: $0).elements } == [[1, 1, 1], [0, 0, 0]])
        #expect(arena.buffers.map { arena.value(of: $0).elements } == [[0, 0, 0], [1, 1, 1]])
        #expect(arena.counts == [0])
    }

    @Test("values are a function of the seed and the place among the parameters, not of what else there is")
    func streams() {
        let short = values { _ = Linear($0.scope("a"), from: 3, to: 2) }
        let long = values {
            _ = Linear($0.scope("a"), from: 3, to: 2)
            _ = Linear($0.scope("b"), from: 3, to: 2)
        }
        #expect(short["a.weight"] == long["a.weight"] && short["a.bias"] == long["a.bias"])
        #expect(long["a.weight"] != long["b.weight"])
        #expect(short != values(seed: 2) { _ = Linear($0.scope("a"), from: 3, to: 2) })
    }
}
