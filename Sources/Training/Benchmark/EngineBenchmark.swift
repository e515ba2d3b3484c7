import Autograd
import Layers
import Tensors
import Threading

/// The speed of the engine's layers on one thread, beside this core's measured peak of matrix products.
public struct EngineBenchmark: Sendable {
    /// What one direction of one layer reaches.
    public struct Result: Codable, Sendable {
        /// The layer and its sizes, as in `convolution 3×3 64→128 stride 2`.
        public let kernel: String
        /// The sizes of its input.
        public let shape: [Int]
        /// `forward`, or `backward` for all gradients together.
        public let direction: String
        /// How it is computed.
        public let algorithm: String
        /// The median time of a call.
        public let milliseconds: Double
        /// Operations of the direct method a second, in units of 10⁹; Winograd's algorithm can exceed the peak.
        public let gflops: Double
        /// That as a share of the peak.
        public let share: Double

        enum CodingKeys: String, CodingKey {
            case kernel, shape, direction, algorithm, gflops, share
            case milliseconds = "ms"
        }
    }

    /// One layer to measure.
    private struct Case {
        let name: String
        let input: Shape
        /// Multiplications and additions of a forward pass.
        let operations: Double
        let make: (ParameterBuilder) -> any Layer
        let algorithm: (any Layer, Shape, Engine) -> String
    }

    private let instructionSet: InstructionSet
    private let convolution: ConvolutionPreference
    private let repetitions: Int

    /// Measures kernels of `instructionSet`, each the median of `repetitions`.
    public init(
        _ instructionSet: InstructionSet = .best, convolution: ConvolutionPreference = .auto, repetitions: Int = 9
    ) {
        self.instructionSet = instructionSet
        self.convolution = convolution
        self.repetitions = max(repetitions, 1)
    }

    /// Measures everything and calls `report` with each result; the first one is the peak.
    ///
    /// - Throws: `EngineError` when the CPU lacks the instruction set.
    public func run(_ report: (Result) throws -> Void) throws {
        let engine = try Engine(instructionSet, convolution: convolution)
        let peak = peak(engine)
        try report(peak)
        for entry in Self.cases { try measure(entry, engine, peak: peak.gflops).forEach(report) }
    }

    /// The product of two matrices that fit into the second-level cache together with their blocks.
    private func peak(_ engine: Engine) -> Result {
        let size = 512
        let time = engine.withScratch(3 * size * size) { scratch in
            scratch.update(repeating: 0.5, count: 2 * size * size)
            let (a, b) = (MatrixOperand(scratch, stride: size), MatrixOperand(scratch + size * size, stride: size))
            return median {
                multiply(a, b, into: scratch + 2 * size * size, stride: size, m: size, n: size, k: size)
            }
        }
        let operations = 2 * Double(size * size * size)
        return Result(
            kernel: "matrix product", shape: [size, size, size], direction: "forward",
            algorithm: "OpenBLAS \(BLAS.coreName)", milliseconds: time * 1e3, gflops: operations / time * 1e-9, share: 1
        )
    }

    private func measure(_ entry: Case, _ engine: Engine, peak: Double) -> [Result] {
        let builder = ParameterBuilder()
        let layer = entry.make(builder.scope("layer"))
        let arena = builder.build(seed: 1)
        let block = GradientBlock(for: arena)
        var random = RandomStream(seed: 1)
        let input = Tensor(entry.input) { x in for index in 0..<entry.input.count { x[index] = random.normal() } }
        var times: (forward: [Double], backward: [Double]) = ([], [])
        // The first pass allocates.
        for repetition in 0...repetitions {
            let tape = Tape(engine: engine, arena: arena, block: block)
            let start = ContinuousClock.now
            let output = layer(
                tape.constant(input, wantsGradient: true), ForwardContext(tape: tape, mode: .training))
            let middle = ContinuousClock.now
            block.reset()
            tape.backward(from: output, gradient: output.value)
            guard repetition > 0 else { continue }
            times.forward.append(start.duration(to: middle).seconds)
            times.backward.append(middle.duration(to: .now).seconds)
        }
        let algorithm = entry.algorithm(layer, entry.input, engine)
        // Backward computes as much for the input as for the weights.
        return [("forward", times.forward.median, 1.0), ("backward", times.backward.median, 2.0)].map {
            direction, time, factor in
            let gflops = factor * entry.operations / time * 1e-9
            return Result(
                kernel: entry.name, shape: entry.input.dimensions, direction: direction, algorithm: algorithm,
                milliseconds: time * 1e3, gflops: gflops, share: gflops / peak)
        }
    }

    private func median(_ body: () -> Void) -> Double {
        body()
        return (0..<repetitions).map { _ in
            let start = ContinuousClock.now
            body()
            return start.duration(to: .now).seconds
        }.median
    }
}

extension EngineBenchmark {
    /// Shapes of the reference models.
    private static var cases: [Case] {
        [
            image(3, 16, size: 32, batch: 64), image(16, 32, size: 16, batch: 64), image(16, 16, size: 32, batch: 64),
            image(32, 32, size: 16, batch: 64), image(64, 64, size: 8, batch: 64), image(64, 64, size: 32, batch: 32),
            image(128, 128, size: 16, batch: 32), image(256, 256, size: 8, batch: 32),
            image(512, 512, size: 4, batch: 32), image(64, 128, size: 32, batch: 32, stride: 2),
            image(128, 256, size: 16, batch: 32, stride: 2), image(32, 32, size: 32, batch: 64, dilation: 4),
            image(64, 128, size: 16, batch: 64, kernel: 1), image(256, 256, size: 8, batch: 64, kernel: 1),
            image(64, 64, size: 32, batch: 64, groups: 64), pooled(3, 16, size: 32, batch: 64),
            pooled(16, 32, size: 16, batch: 64), clip(16, 32, size: 16, frames: 16, batch: 4), linear(),
        ]
    }

    private static func image(
        _ inputs: Int, _ outputs: Int, size: Int, batch: Int, kernel: Int = 3, stride: Int = 1, dilation: Int = 1,
        groups: Int = 1
    ) -> Case {
        let extra =
            (stride > 1 ? " stride \(stride)" : "") + (dilation > 1 ? " dilation \(dilation)" : "")
            + (groups > 1 ? " depthwise" : "")
        let pixels = (size / stride) * (size / stride)
        return Case(
            name: "convolution \(kernel)×\(kernel) \(inputs)→\(outputs)\(extra)", input: [batch, size, size, inputs],
            operations: 2 * Double(batch * pixels * outputs * inputs / groups * kernel * kernel)
        ) { builder in
            Convolution2D(
                builder, from: inputs, to: outputs, kernel: Extent2(integerLiteral: kernel),
                stride: Extent2(integerLiteral: stride), padding: Extent2(integerLiteral: kernel / 2 * dilation),
                dilation: Extent2(integerLiteral: dilation), groups: groups)
        } algorithm: { layer, shape, engine in
            (layer as? Convolution2D)?.algorithmName(for: shape, engine) ?? ""
        }
    }

    /// What training computes together; the operations are the convolution's.
    private static func pooled(_ inputs: Int, _ outputs: Int, size: Int, batch: Int) -> Case {
        let convolution = image(inputs, outputs, size: size, batch: batch)
        return Case(
            name: "\(convolution.name), ReLU, max pooling", input: convolution.input, operations: convolution.operations
        ) { builder in
            Sequential(
                builder,
                [
                    convolution.make(builder.scope("0")), ReLU(builder.scope("1")),
                    MaxPool2D(builder.scope("2"), kernel: 2),
                ])
        } algorithm: { _, _, _ in
            "fused"
        }
    }

    private static func clip(_ inputs: Int, _ outputs: Int, size: Int, frames: Int, batch: Int) -> Case {
        Case(
            name: "convolution 3×3×3 \(inputs)→\(outputs)", input: [batch, frames, size, size, inputs],
            operations: 2 * Double(batch * frames * size * size * outputs * inputs * 27)
        ) { builder in
            Convolution3D(builder, from: inputs, to: outputs, kernel: 3, padding: 1)
        } algorithm: { layer, shape, engine in
            (layer as? Convolution3D)?.algorithmName(for: shape, engine) ?? ""
        }
    }

    private static func linear() -> Case {
        Case(name: "linear 2048→128", input: [64, 2048], operations: 2 * 64 * 2048 * 128) { builder in
            Linear(builder, from: 2048, to: 128)
        } algorithm: { _, _, _ in
            "OpenBLAS"
        }
    }
}
