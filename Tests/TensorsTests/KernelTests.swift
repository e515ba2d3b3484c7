import Kernels
import Tensors
import TestSupport
import Testing

@Suite("Kernels")
struct KernelTests {
    /// Around vector lengths and their multiples.
    private static let counts = [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 1000]

    private func engines() throws -> [Engine] { try EngineCase.single.map { try $0.make() } }

    @Test("elementwise loops give the same bits on every instruction set and touch nothing else", arguments: counts)
    func elementwise(count: Int) throws {
        var generator = CaseGenerator(seed: UInt64(count))
        let (x, y) = (generator.tensor([count + 1]).elements, generator.tensor([count + 1]).elements)
        for engine in try engines() {
            let kernels = engine.kernels.elementwise
            func result(_ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void) -> [Float] {
                var target = y
                x.withUnsafeBufferPointer { x in
                    target.withUnsafeMutableBufferPointer { target in
                        if let x = x.baseAddress, let target = target.baseAddress { body(x, target) }
                    }
                }
                return target
            }
            func expected(_ function: (Float, Float) -> Float) -> [Float] {
                (0..<count).map { function(x[$0], y[$0]) } + [y[count]]
            }
            let name: Comment = "\(engine.kernels.name)"
            #expect(result { kernels.add($0, $1, $1, count) } == expected { $0 + $1 }, name)
            #expect(result { kernels.accumulate($0, $1, count) } == expected { $0 + $1 }, name)
            #expect(result { kernels.scale($1, 0.3, count) } == expected { $1 * 0.3 }, name)
            #expect(result { kernels.relu($0, $1, count) } == expected { x, _ in max(x, 0) }, name)
            #expect(result { kernels.reluGradient($0, $0, $1, count, false) } == expected { x, _ in max(x, 0) }, name)
            #expect(result { kernels.reluGradient($0, $0, $1, count, true) } == expected { $1 + max($0, 0) }, name)
        }
    }

    @Test("accumulation reads from any address")
    func unaligned() throws {
        var bytes = [UInt8](repeating: 0, count: 4 * 37 + 1)
        bytes.withUnsafeMutableBytes { raw in
            for index in 0..<37 { raw.storeBytes(of: Float(index), toByteOffset: 4 * index + 1, as: Float.self) }
        }
        for engine in try engines() {
            var sums = [Float](repeating: 1, count: 37)
            sums.withUnsafeMutableBufferPointer { sums in
                bytes.withUnsafeBytes { raw in
                    guard let source = raw.baseAddress, let target = sums.baseAddress else { return }
                    engine.kernels.elementwise.accumulate(source + 1, target, 37)
                }
            }
            #expect(sums == (0..<37).map { Float($0) + 1 }, "\(engine.kernels.name)")
        }
    }

    @Test("a NaN passes rectification, so that it is not hidden")
    func nanStays() throws {
        for engine in try engines() {
            var values: [Float] = [.nan, -1, 1]
            values.withUnsafeMutableBufferPointer {
                if let base = $0.baseAddress { engine.kernels.elementwise.relu(base, base, 3) }
            }
            #expect(values[0].isNaN && values[1...] == [0, 1], "\(engine.kernels.name)")
        }
    }

    @Test("a NaN wins a pooling window, so that it is not hidden")
    func nanWins() throws {
        let windows = Windows(input: [1, 1, 3], channels: 1, kernel: [1, 1, 3])
        for engine in try engines() {
            for place in 0..<3 {
                var image: [Float] = [1, 5, 2]
                image[place] = .nan
                var output: Float = 0
                var tap: Int8 = 9
                engine.kernels.pooling.maximum(image, &output, &tap, windows, false)
                #expect(output.isNaN && Int(tap) == place, "\(engine.kernels.name)")
            }
        }
    }

    @Test(
        "a pooling window may be larger than the numbers of a byte",
        arguments: [[1, 7, 18], [1, 8, 16], [1, 12, 30]])
    func largeWindows(sizes: [Int]) throws {
        let window = Volume(depth: sizes[0], height: sizes[1], width: sizes[2])
        let windows = Windows(
            input: Volume(depth: 1, height: window.height * 2, width: window.width), channels: 3, kernel: window,
            stride: window)
        var generator = CaseGenerator(seed: 61)
        let image = generator.tensor([windows.inputCount]).elements
        let count = window.count * 3
        for engine in try engines() {
            var (output, sums) = ([Float](repeating: 0, count: 6), [Float](repeating: 0, count: 3))
            var gradient = [Float](repeating: 9, count: windows.inputCount)
            withUnsafeTemporaryAllocation(byteCount: 6 * windows.tapBytes, alignment: 4) { taps in
                guard let taps = taps.baseAddress else { return }
                let pooling = engine.kernels.pooling
                pooling.maximum(image, &output, taps, windows, false)
                pooling.maximumGradient([1, 2, 3, 4, 5, 6], taps, &gradient, windows, false)
                pooling.maximumGradientSums([1, 2, 3, 4, 5, 6], taps, &sums, windows)
            }
            var expected = [Float](repeating: 0, count: windows.inputCount)
            for (index, value) in output.enumerated() {
                let pixels = stride(from: index / 3 * count + index % 3, to: (index / 3 + 1) * count, by: 3)
                guard let winner = pixels.max(by: { image[$0] < image[$1] }) else { continue }
                #expect(value == image[winner], "\(engine.kernels.name)")
                expected[winner] = Float(index + 1)
            }
            #expect(gradient == expected && sums == [5, 7, 9], "\(engine.kernels.name)")
        }
    }

    @Test("sums of squares are those of double precision", arguments: counts)
    func sumOfSquares(count: Int) throws {
        var generator = CaseGenerator(seed: UInt64(count))
        let x = generator.tensor([count])
        let expected = x.elements.reduce(0) { $0 + Double($1) * Double($1) }
        let sums = try engines().map { engine in
            x.withElements { engine.kernels.elementwise.sumOfSquares($0, count) }
        }
        #expect(sums.allSatisfy { abs($0 - expected) <= 1e-14 * expected })
        #expect(Set(sums).count == 1)
    }

    @Test("zeros of either sign are counted, and nothing else", arguments: counts)
    func zeros(count: Int) throws {
        var x = [Float](repeating: 0, count: count + 1)
        let others = [1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .nan, .infinity] as [Float]
        for index in 0..<count where index % 3 > 0 { x[index] = index % 3 == 1 ? -0 : others[index % others.count] }
        for engine in try engines() {
            #expect(engine.kernels.elementwise.zeroCount(x, count) == x.dropLast().count { $0 == 0 })
        }
    }

    @Test("one element that is no finite number is found, wherever it is", arguments: counts)
    func finite(count: Int) throws {
        var generator = CaseGenerator(seed: UInt64(count))
        var x = generator.tensor([count + 1]).elements
        x[count] = .nan
        for (index, extreme) in zip(
            0..<count, [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, -0, .leastNonzeroMagnitude] as [Float])
        {
            x[index] = extreme
        }
        for engine in try engines() {
            let isFinite = engine.kernels.elementwise.isFinite
            #expect(isFinite(x, count), "\(engine.kernels.name)")
            for index in 0..<count {
                for odd in [Float.nan, .infinity, -.infinity] {
                    var changed = x
                    changed[index] = odd
                    #expect(!isFinite(changed, count), "\(engine.kernels.name), \(odd) at \(index)")
                }
            }
        }
    }

    @Test("moments of rows far from zero keep their precision")
    func moments() throws {
        var generator = CaseGenerator(seed: 47)
        let (rows, channels) = (1000, 19)
        let x = generator.tensor([rows, channels], mean: 1000)
        for engine in try engines() {
            var (mean, m2) = ([Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels))
            x.withElements { engine.kernels.rows.moments($0, &mean, &m2, rows, channels) }
            for channel in 0..<channels {
                let column = (0..<rows).map { Double(x.elements[$0 * channels + channel]) }
                let exact = column.reduce(0, +) / Double(rows)
                let squares = column.reduce(0) { $0 + ($1 - exact) * ($1 - exact) }
                #expect(abs(Double(mean[channel]) - exact) <= 2e-7 * exact, "\(engine.kernels.name)")
                #expect(abs(Double(m2[channel]) - squares) <= 5e-5 * squares, "\(engine.kernels.name)")
            }
        }
    }

    @Test("an engine for kernels that the CPU lacks is refused")
    func unsupported() {
        let message = EngineError.unsupported(.avx512).description
        #expect(
            message == "this CPU has no avx512; set engine.kernels to auto or \(InstructionSet.best.rawValue)")
        for set in InstructionSet.allCases where !set.isSupported {
            #expect(throws: EngineError.self) { _ = try Engine(set) }
        }
    }

    @Test("the best instruction set is supported, and its kernels are its own")
    func best() throws {
        #expect(InstructionSet.best.isSupported && InstructionSet.baseline.isSupported)
        for engineCase in EngineCase.all {
            #expect(try engineCase.make().kernels.name == engineCase.instructionSet.rawValue)
        }
    }

    @Test("a pooling window takes its first pixel when no value is larger, and a NaN before all others")
    func poolingOfExtremes() throws {
        let windows = Windows(input: [1, 1, 3], channels: 1, kernel: [1, 1, 2], stride: 2)
        let padded = Windows(
            input: [1, 2, 2], channels: 1, kernel: [1, 2, 2], stride: [1, 2, 2], padding: [0, 1, 1])
        func pool(
            _ image: [Float], _ windows: Windows, _ engine: Engine, rectifies: Bool = false
        ) -> (values: [Float], taps: [Int8]) {
            let count = windows.output.count
            var values = [Float](repeating: 0, count: count)
            var taps = [Int8](repeating: 0, count: count)
            values.withUnsafeMutableBufferPointer { values in
                taps.withUnsafeMutableBufferPointer { taps in
                    if let values = values.baseAddress, let taps = taps.baseAddress {
                        engine.kernels.pooling.maximum(image, values, taps, windows, rectifies)
                    }
                }
            }
            return (values, taps)
        }
        for engine in try engines() {
            let least = pool([-.infinity, -.infinity, 0], windows, engine)
            #expect(least.values == [-.infinity] && least.taps == [0], "\(engine.kernels.name)")
            // The only pixel of each corner's window is its last, third, second and first tap.
            let corners = pool(Array(repeating: -.infinity, count: 4), padded, engine)
            #expect(corners.taps == [3, 2, 1, 0], "\(engine.kernels.name)")
            let odd = pool([.nan, 5, 0], windows, engine)
            #expect(odd.values[0].isNaN && odd.taps == [0], "\(engine.kernels.name)")
            let dark = pool([-3, -2, 0], windows, engine, rectifies: true)
            #expect(dark.values == [0] && dark.taps == [-1], "\(engine.kernels.name)")
            let bright = pool([-3, 2, 0], windows, engine, rectifies: true)
            #expect(bright.values == [2] && bright.taps == [1], "\(engine.kernels.name)")
            let unknown = pool([-3, .nan, 0], windows, engine, rectifies: true)
            #expect(unknown.values[0].isNaN && unknown.taps == [1], "\(engine.kernels.name)")
        }
    }
}
