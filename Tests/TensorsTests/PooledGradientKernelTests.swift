import Kernels
import Tensors
import TestSupport
import Testing

@Suite("Kernels on the gradient that max pooling hands back")
struct PooledGradientKernelTests {
    /// Gradients of pooled outputs and the taps that won, −1 where nobody did.
    private static func pooled(_ count: Int, taps: Int, _ generator: inout CaseGenerator) -> ([Float], [Int8]) {
        let winners = (0..<count).map { _ in Int8(generator.integer(in: -1...taps - 1)) }
        // A gradient that goes nowhere may be anything.
        let gradients = generator.tensor([count]).elements
        return (zip(gradients, winners).map { $1 < 0 ? .nan : $0 }, winners)
    }

    @Test("sums for each channel leave out windows without a winner", arguments: 0..<20 as Range<UInt64>)
    func sums(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        let channels = generator.element(of: [1, 3, 7, 8, 16, 17, 32, 48])
        let count = generator.element(of: [0, 1, 63, 64, 65, 200])
        let windows = Windows(input: [1, 2, 2 * count], channels: channels, kernel: [1, 2, 2], stride: [1, 2, 2])
        let (dy, taps) = Self.pooled(count * channels, taps: 4, &generator)
        let start = generator.tensor([channels]).elements
        var expected = start.map(Double.init)
        for index in dy.indices where taps[index] >= 0 { expected[index % channels] += Double(dy[index]) }
        for entry in EngineCase.single {
            var sums = start
            try entry.make().kernels.pooling.maximumGradientSums(dy, taps, &sums, windows)
            let bound = 1e-6 * Float(count + 1)
            #expect(
                zip(sums, expected).allSatisfy { abs($0 - Float($1)) <= bound },
                "\(entry), seed \(seed), \(count) × \(channels)")
        }
    }

    /// A convolution and the gradient of its pooled output.
    private struct Case {
        let windows: Windows
        let outputs: Int
        let dy: [Float]
        let taps: [Int8]

        init(_ windows: Windows, outputs: Int, _ generator: inout CaseGenerator) {
            self.windows = windows
            self.outputs = outputs
            (dy, taps) = PooledGradientKernelTests.pooled(
                windows.output.height / 2 * (windows.output.width / 2) * outputs, taps: 4, &generator)
        }

        var results: Int { dy.count }

        /// Calls `body` with each winner's gradient, its output channel, and a float of its window: the tap, the channel and
        /// the place in the image.
        func forEachProduct(_ body: (_ dy: Double, _ output: Int, _ tap: Int, _ channel: Int, _ place: Int) -> Void) {
            let columns = windows.output.width / 2
            for (index, winner) in taps.enumerated() where winner >= 0 {
                let (pixel, output) = index.quotientAndRemainder(dividingBy: outputs)
                let top = 2 * (pixel / columns) + Int(winner) / 2 - windows.padding.height
                let left = 2 * (pixel % columns) + Int(winner) % 2 - windows.padding.width
                for tap in 0..<windows.taps {
                    let (row, column) = (top + tap / windows.kernel.width, left + tap % windows.kernel.width)
                    guard 0..<windows.input.height ~= row, 0..<windows.input.width ~= column else { continue }
                    for channel in 0..<windows.channels {
                        let place = (row * windows.input.width + column) * windows.channels + channel
                        body(Double(dy[index]), output, tap, channel, place)
                    }
                }
            }
        }
    }

    private static func agree(_ found: [Float], _ expected: [Double]) -> Bool {
        zip(found, expected).allSatisfy { abs(Double($0) - $1) <= 1e-5 * (1 + abs($1)) }
    }

    @Test(
        "the gradient of weights of few channels is its definition's, and little is read behind the image",
        arguments: 0..<40 as Range<UInt64>)
    func fewChannels(seed: UInt64) throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels
            #expect((kernels.pooledGradient.permutedWeightGradient != nil) == (entry.instructionSet == .avx512))
            guard let kernel = kernels.pooledGradient.permutedWeightGradient else { continue }
            var generator = CaseGenerator(seed: seed)
            let lanes = kernels.convolution.directLanes
            let channels = generator.integer(in: 1...5)
            let width = generator.integer(in: 1...(lanes / channels - 1))
            let kernelSize = Volume(depth: 1, height: generator.integer(in: 1...5), width: width)
            let windows = Windows(
                input: Volume(
                    depth: 1, height: kernelSize.height + generator.integer(in: 1...9),
                    width: width + generator.integer(in: 1...9)),
                channels: channels, kernel: kernelSize)
            let outputs = lanes * generator.integer(in: 1...3)
            let example = Case(windows, outputs: outputs, &generator)
            let x = generator.tensor([windows.inputCount]).elements
            let start = generator.tensor([windows.packedCount * outputs]).elements

            let memory = try #require(GuardedMemory(count: x.count + lanes))
            memory.base.update(from: x, count: x.count)
            // What is read there counts for nothing.
            (memory.base + x.count).update(repeating: .nan, count: lanes)
            let scratch = try #require(GuardedMemory(count: 2 * lanes * (example.results / outputs)))
            var found = start
            kernel(memory.base, example.dy, example.taps, &found, windows, outputs, scratch.base)

            var expected = start.map(Double.init)
            example.forEachProduct { dy, output, tap, channel, place in
                expected[(tap * channels + channel) * outputs + output] += dy * Double(x[place])
            }
            #expect(Self.agree(found, expected), "seed \(seed), \(windows), \(outputs) outputs")
        }
    }

    /// Images and outputs for the kernels that want whole vectors of channels.
    private static func vectors(lanes: Int, padded: Bool, _ generator: inout CaseGenerator) -> Case {
        let most = padded ? 2 : 0
        let padding = Volume(
            depth: 0, height: generator.integer(in: 0...most), width: generator.integer(in: 0...most))
        let windows = Windows(
            input: Volume(depth: 1, height: generator.integer(in: 4...21), width: generator.integer(in: 4...21)),
            channels: lanes * generator.integer(in: 1...3), kernel: Volume(depth: 1, height: 3, width: 3),
            padding: padding)
        return Case(windows, outputs: PooledGradientKernels.outputs * generator.integer(in: 1...2), &generator)
    }

    @Test(
        "the gradient of weights of whole vectors of channels is its definition's", arguments: 0..<20 as Range<UInt64>)
    func weights(seed: UInt64) throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels.pooledGradient
            var generator = CaseGenerator(seed: seed)
            let example = Self.vectors(lanes: kernels.lanes, padded: false, &generator)
            let (windows, outputs) = (example.windows, example.outputs)
            let x = generator.tensor([windows.inputCount]).elements
            let start = generator.tensor([windows.packedCount * outputs]).elements
            let memory = try #require(GuardedMemory(copying: x))
            let scratch = try #require(GuardedMemory(count: 2 * example.results))
            var found = start
            kernels.weightGradient(memory.base, example.dy, example.taps, &found, windows, outputs, scratch.base)

            var expected = start.map(Double.init)
            example.forEachProduct { dy, output, tap, channel, place in
                expected[output * windows.packedCount + tap * windows.channels + channel] += dy * Double(x[place])
            }
            #expect(Self.agree(found, expected), "\(entry), seed \(seed), \(windows), \(outputs) outputs")
        }
    }

    @Test(
        "the gradient of an image is its definition's, with padding and odd sizes", arguments: 0..<20 as Range<UInt64>)
    func inputs(seed: UInt64) throws {
        for entry in EngineCase.single {
            let kernels = try entry.make().kernels.pooledGradient
            var generator = CaseGenerator(seed: seed)
            let example = Self.vectors(lanes: kernels.lanes, padded: true, &generator)
            let (windows, outputs) = (example.windows, example.outputs)
            let weights = generator.tensor([windows.packedCount * outputs]).elements
            let start = generator.tensor([windows.inputCount]).elements
            for adds in [false, true] {
                let memory = try #require(GuardedMemory(copying: start))
                let scratch = try #require(GuardedMemory(count: example.results / 8))
                kernels.inputGradient(
                    example.dy, example.taps, weights, memory.base, windows, outputs, adds, scratch.base)

                var expected = adds ? start.map(Double.init) : start.map { _ in 0 }
                example.forEachProduct { dy, output, tap, channel, place in
                    let weight = output * windows.packedCount + tap * windows.channels + channel
                    expected[place] += dy * Double(weights[weight])
                }
                let found = Array(UnsafeBufferPointer(start: memory.base, count: start.count))
                #expect(Self.agree(found, expected), "\(entry), seed \(seed), \(windows), \(outputs) outputs, \(adds)")
            }
        }
    }
}
