import Autograd
import Configuration
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Initial values")
struct InitializerTests {
    private struct Parameters: Decodable { let section: String }

    private static let golden = Fixture.names(in: .module, startingWith: "initializer")

    private func configuration(_ section: String) throws(ConfigurationError) -> InitializerConfiguration {
        try ConfigurationReader.read(InitializerConfiguration(), yaml: section, file: "initialization")
    }

    private func problem(_ section: String) -> String {
        do throws(ConfigurationError) {
            _ = try configuration(section)
            return "no problem"
        } catch {
            return "\(error)"
        }
    }

    /// What the configured initialiser writes into a weight of this shape.
    private func weight(_ configuration: InitializerConfiguration, _ shape: Shape, seed: UInt64 = 1) -> [Float] {
        let builder = ParameterBuilder(initialization: configuration)
        let parameter = builder.parameter("weight", shape, Constant(7))
        return builder.build(seed: seed).value(of: parameter).elements
    }

    @Test("configured weights have the mean, spread, form and range of PyTorch's", arguments: golden)
    func agreement(name: String) throws {
        let fixture = try Fixture(name, in: .module)
        let parameters: Parameters = try fixture.parameters()
        let shape = Shape(try fixture.integers("shape").map(Int.init))
        let found = weight(try configuration(parameters.section), shape).map(Double.init)
        if fixture.has("values") { #expect(try fixture.weights("values").elements.map(Double.init) == found) }
        let expected = try fixture.weights("statistics").elements.map(Double.init)
        let (mean, deviation, kurtosis) = (expected[0], expected[1], expected[2])
        let count = Double(found.count)
        // Both samples err; six standard errors of their difference.
        let bound = 6 * (2 / count).squareRoot()
        let foundMean = found.reduce(0, +) / count
        #expect(abs(foundMean - mean) <= bound * deviation)
        let variance = found.reduce(0) { $0 + ($1 - foundMean) * ($1 - foundMean) } / count
        let varianceBound = bound * max(kurtosis - 1, 0).squareRoot() + 1e-6
        if deviation > 0 { #expect(abs(variance / (deviation * deviation) - 1) <= varianceBound) }
        let fourth = found.reduce(0) { $0 + ($1 - foundMean) * ($1 - foundMean) * ($1 - foundMean) * ($1 - foundMean) }
        if deviation > 0 { #expect(abs(fourth / count / (variance * variance) / kurtosis - 1) <= 0.2) }
        // Bounded distributions end where PyTorch's do.
        if kurtosis < 2.5, let least = found.min(), let largest = found.max() {
            #expect(abs(least - expected[3]) <= 0.01 * deviation && abs(largest - expected[4]) <= 0.01 * deviation)
        }
    }

    @Test("every initialiser but the layers' own has a golden case")
    func coverage() throws {
        let names = try Self.golden.map { name in
            let parameters: Parameters = try Fixture(name, in: .module).parameters()
            return try configuration(parameters.section).name
        }
        #expect(Set(names + ["default"]) == Set(InitializerCatalog.all.map { $0.name }))
    }

    @Test(
        "orthogonal weights have orthogonal rows or columns, whichever are fewer",
        arguments: [[5, 20], [20, 5], [7, 7]])
    func orthogonal(dimensions: [Int]) throws {
        let (rows, columns) = (dimensions[0], dimensions[1])
        let values = weight(try configuration("{name: orthogonal, gain: 3}"), [rows, columns])
        func vector(_ index: Int) -> [Float] {
            rows <= columns
                ? Array(values[index * columns..<(index + 1) * columns])
                : stride(from: index, to: values.count, by: columns).map { values[$0] }
        }
        for i in 0..<min(rows, columns) {
            for j in 0...i {
                let product = zip(vector(i), vector(j)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                #expect(abs(product - (i == j ? 9 : 0)) < 1e-5)
            }
        }
    }

    @Test("filters of Dirac pass an image through")
    func dirac() throws {
        let builder = ParameterBuilder(initialization: try configuration("{name: dirac, zero_biases: true}"))
        let layer = Convolution2D(builder.scope("conv"), from: 3, to: 3, kernel: 3, padding: 1)
        var generator = CaseGenerator(seed: 3)
        let image = generator.tensor([2, 5, 4, 3])
        let pass = Pass(layer, builder.build(seed: 1), image, engine: try Engine()) { $0 }
        #expect(pass.output.elements == image.elements)
    }

    @Test("an initialiser fills weights of rank 2 and more, zeros fill biases if asked for, all else stays")
    func scope() throws {
        func built(_ section: String) throws -> [String: [Float]] {
            let builder = ParameterBuilder(initialization: try configuration(section))
            _ = Convolution2D(builder.scope("conv"), from: 3, to: 4, kernel: 3)
            _ = BatchNorm(builder.scope("norm"), channels: 4)
            _ = Linear(builder.scope("linear"), from: 8, to: 2)
            let arena = builder.build(seed: 1)
            return Dictionary(uniqueKeysWithValues: arena.parameters.map { ($0.name, arena.value(of: $0).elements) })
        }
        let plain = try built("default")
        let constant = try built("{name: constant, value: 0.5}")
        for (name, values) in constant {
            let isWeight = name == "conv.weight" || name == "linear.weight"
            #expect(values == (isWeight ? values.map { _ in 0.5 } : plain[name]), "\(name)")
        }
        let zeroed = try built("{name: constant, value: 0.5, zero_biases: true}")
        #expect(zeroed["conv.bias"] == [0, 0, 0, 0] && zeroed["linear.bias"] == [0, 0])
        #expect(zeroed["norm.weight"] == [1, 1, 1, 1])
        let dirac = try built("dirac")
        #expect(dirac["linear.weight"] == plain["linear.weight"] && dirac["conv.weight"] != plain["conv.weight"])
    }

    @Test("configured weights are a function of the seed and the place among the parameters")
    func seeds() throws {
        for name in ["kaiming_normal", "orthogonal", "truncated_normal"] {
            let configuration = try configuration(name)
            #expect(weight(configuration, [4, 6]) == weight(configuration, [4, 6]))
            #expect(weight(configuration, [4, 6]) != weight(configuration, [4, 6], seed: 2))
        }
    }

    @Test("impossible values and keys of other initialisers are refused")
    func refusals() {
        #expect(
            problem("{name: kaiming_norml}")
                == "initialization:1: 'name' names an unknown initializer 'kaiming_norml'; known: default, kaiming_normal, "
                + "kaiming_uniform, xavier_normal, xavier_uniform, orthogonal, dirac, normal, truncated_normal, uniform, "
                + "constant; did you mean 'kaiming_normal'?")
        #expect(
            problem("{name: kaiming_normal, mode: fan_ot}")
                == "initialization:1: 'mode' expects one of fan_in, fan_out, found 'fan_ot'; did you mean 'fan_out'?")
        #expect(
            problem("{name: orthogonal, mode: fan_in}")
                == "initialization:1: unknown key 'mode'; known: name, gain, zero_biases")
        #expect(problem("{name: orthogonal, gain: 0}") == "initialization:1: 'gain' must be positive, found 0.0")
        #expect(problem("{name: normal, std: -1}") == "initialization:1: 'std' must not be negative, found -1.0")
        #expect(
            problem("{name: uniform, upper: -1}")
                == "initialization:1: 'upper' must be above lower (0.0), found -1.0")
        #expect(
            problem("{name: truncated_normal, mean: 5}")
                == "initialization:1: 'mean' must lie between lower (-2.0) and upper (2.0), found 5.0")
    }

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
