import Kernels
import Tensors
import TestSupport
import Testing

@Suite("Kernels on the gradient that max pooling hands back")
struct PooledGradientKernelTests {
    /// Gradients of pooled outputs and the taps that won, −1 where nobody did.
    private static func pooled(_ count: Int, taps: Int, _ generator: inout CaseGenerator) -> ([Float], [Int32]) {
        let winners = (0..<count).map { _ in Int32(generator.integer(in: -1...taps - 1)) }
        // A gradient that goes nowhere may be anything.
        let gradients = generator.tensor([count]).elements
        return (zip(gradients, winners).map { $1 < 0 ? .nan : $0 }, winners)
    }

    @Test("sums for each channel leave out windows without a winner", arguments: 0..<20 as Range<UInt64>)
    func sums(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        let channels = generator.element(of: [1, 3, 7, 8, 16, 17, 32, 48])
        let count = generator.element(of: [0, 1, 63, 64, 65, 200])
        let (dy, taps) = Self.pooled(count * channels, taps: 4, &generator)
        let start = generator.tensor([channels]).elements
        var expected = start.map(Double.init)
        for index in dy.indices where taps[index] >= 0 { expected[index % channels] += Double(dy[index]) }
        for entry in EngineCase.single {
            var sums = start
            try entry.make().kernels.pooling.maximumGradientSums(dy, taps, &sums, count, channels)
            let bound = 1e-6 * Float(count + 1)
            #expect(
                zip(sums, expected).allSatisfy { abs($0 - Float($1)) <= bound },
                "\(entry), seed \(seed), \(count) × \(channels)")
        }
    }

    @Test(
        "the gradient of weights is its definition's, and little is read behind the last image",
        arguments: 0..<40 as Range<UInt64>)
    func weights(seed: UInt64) throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels.convolution
            #expect((kernels.pooledWeightGradient != nil) == (entry.instructionSet == .avx512))
            guard let kernel = kernels.pooledWeightGradient else { continue }
            var generator = CaseGenerator(seed: seed)
            let lanes = kernels.directLanes
            let channels = generator.integer(in: 1...5)
            let width = generator.integer(in: 1...(lanes / channels - 1))
            let kernelSize = Volume(depth: 1, height: generator.integer(in: 1...5), width: width)
            let windows = Windows(
                input: Volume(
                    depth: 1, height: kernelSize.height + generator.integer(in: 1...9),
                    width: width + generator.integer(in: 1...9)),
                channels: channels, kernel: kernelSize)
            let (rows, columns) = (windows.output.height / 2, windows.output.width / 2)
            let (images, outputs) = (generator.integer(in: 1...3), lanes * generator.integer(in: 1...3))
            let results = rows * columns * outputs
            let (dy, taps) = Self.pooled(images * results, taps: 4, &generator)
            let x = generator.tensor([images * windows.inputCount]).elements
            let start = generator.tensor([windows.packedCount * outputs]).elements

            let memory = try #require(GuardedMemory(count: x.count + lanes))
            memory.base.update(from: x, count: x.count)
            // What is read there counts for nothing.
            (memory.base + x.count).update(repeating: .nan, count: lanes)
            let scratch = try #require(GuardedMemory(count: 2 * lanes * rows * columns))
            var found = start
            kernel(
                memory.base, dy, taps, &found, windows, outputs,
                ImageStack(count: images, inputStride: windows.inputCount, outputStride: results), scratch.base)

            var expected = start.map(Double.init)
            for (index, tap) in taps.enumerated() where tap >= 0 {
                let (image, place) = index.quotientAndRemainder(dividingBy: results)
                let (pixel, output) = place.quotientAndRemainder(dividingBy: outputs)
                let row = 2 * (pixel / columns) + Int(tap) / 2
                let column = 2 * (pixel % columns) + Int(tap) % 2
                for i in 0..<kernelSize.height {
                    for j in 0..<width {
                        for c in 0..<channels {
                            let source = ((row + i) * windows.input.width + column + j) * channels + c
                            let weight = (i * width + j) * channels + c
                            expected[weight * outputs + output] +=
                                Double(dy[index]) * Double(x[image * windows.inputCount + source])
                        }
                    }
                }
            }
            #expect(
                zip(found, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * (1 + abs($1)) },
                "seed \(seed), \(windows), \(outputs) outputs of \(images) images")
        }
    }
}
