import Collectives
import Messaging
import Tensors
import Testing

@Suite("Gradient compression")
struct CompressionTests {
    private static let encodings = WireEncoding.allCases.filter { $0 != .float32 }

    /// Values of very different magnitudes, some zero; `count` of them.
    private func values(seed: UInt64, count: Int) -> [Float] {
        var random = RandomStream(seed: seed, UInt64(count))
        return (0..<count).map { _ in
            random.integer(below: 5) == 0
                ? 0 : random.normal() * Float(sign: .plus, exponent: random.integer(below: 80) - 60, significand: 1)
        }
    }

    private func rounded(_ values: [Float], to encoding: WireEncoding) -> [Float] {
        var values = values
        values.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { encoding.round(base, count: buffer.count) }
        }
        return values
    }

    @Test("what is rounded does not change when it is rounded again, or written and read", arguments: encodings)
    func lossless(encoding: WireEncoding) throws {
        for seed in UInt64(0)..<50 {
            for count in [1, 7, 1023, 1024, 1025, 3000] {
                let once = rounded(values(seed: seed, count: count), to: encoding)
                #expect(rounded(once, to: encoding).bits == once.bits, "seed \(seed), \(count) elements")
                let frame = once.withUnsafeBufferPointer { encoding.written($0) }
                let read = try #require(encoding.read(frame, count: count))
                #expect(read.bits == once.bits, "seed \(seed), \(count) elements")
            }
        }
    }

    @Test("the error of rounding is bounded by the format's precision")
    func precision() {
        let values = values(seed: 1, count: 1024)
        let largest = values.map { abs($0) }.max() ?? 0
        for (original, found) in zip(values, rounded(values, to: .bfloat16)) {
            #expect(abs(found - original) <= abs(original) * 0x1p-8)
        }
        for (original, found) in zip(values, rounded(values, to: .scaledFloat16)) {
            #expect(abs(found - original) <= max(abs(original) * 0x1p-11, largest * 0x1p-39))
        }
        for (original, found) in zip(values, rounded(values, to: .blockInt8)) {
            #expect(abs(found - original) <= largest / 127)
        }
        // Ties go to the even neighbour.
        #expect(rounded([1.00390625, -1.01171875, 0], to: .bfloat16) == [1, -1.015625, 0])
        #expect(rounded([127, 1.5, -2.5, 0.4], to: .blockInt8) == [127, 2, -2, 0])
        #expect(rounded([128, 3, -5, 1], to: .blockInt8) == [128, 4, -4, 0])
    }

    @Test("what is not finite stays so", arguments: [WireEncoding.bfloat16, .scaledFloat16, .blockInt8])
    func notFinite(encoding: WireEncoding) throws {
        for bad in [Float.nan, .infinity, -.infinity] {
            let once = rounded([1, bad, 2], to: encoding)
            #expect(!once[1].isFinite)
            let read = try #require(encoding.read(once.withUnsafeBufferPointer { encoding.written($0) }, count: 3))
            #expect(!read[1].isFinite)
        }
    }

    @Test("damaged sparse elements are refused, not written out of bounds")
    func damagedSparse() {
        let frame = [0, 0, 1.5, 0, 0, 0, 0, -2].withUnsafeBufferPointer { (values: UnsafeBufferPointer<Float>) in
            WireEncoding.sparse.written(values)
        }
        #expect(WireEncoding.sparse.read(frame, count: 8) == [0, 0, 1.5, 0, 0, 0, 0, -2])
        #expect(WireEncoding.sparse.read(frame, count: 7) == nil)
        for seed in UInt64(0)..<2000 {
            var random = RandomStream(seed: seed)
            var bytes = frame.bytes
            bytes[random.integer(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            _ = WireEncoding.sparse.read(Frame(bytes), count: 8)
        }
    }

    @Test("top-k keeps the largest of a block and feeds the rest back")
    func topK() {
        var gradients: [Float] = [1, -5, 2, 4, 4, 0, -0.5, 4]
        var error = [Float](repeating: 0, count: 8)
        let compression = TopKCompression(density: 0.25)
        compression.prepare(&gradients, error: &error, count: 8)
        #expect(gradients == [0, -5, 0, 4, 0, 0, 0, 0])
        #expect(error == [1, 0, 2, 0, 4, 0, -0.5, 4])
        gradients = [0, 0, 0, 0, 1, 0, 0, 0]
        compression.prepare(&gradients, error: &error, count: 8)
        #expect(gradients == [0, 0, 0, 0, 5, 0, 0, 4])
        #expect(error == [1, 0, 2, 0, 0, 0, -0.5, 0])
    }

    /// A least-squares problem of 8 shards, solved by gradient descent on `hosts.count` workers; the parameters and the loss.
    private func train(
        _ compression: (any GradientCompression)?, hosts: [String], algorithm: String = "auto", steps: Int = 120
    ) throws -> (parameters: [Float], loss: Double) {
        let count = 2500
        let ranks = hosts.count
        let transports = try connectedTransports(ranks, overZeroMQ: false)
        defer { for transport in transports { transport.close() } }
        // Shard s wants parameter i at its own place, with its own weight.
        let targets = (0..<8).map { shard in
            gradient(ofShard: shard, step: 0, bucket: 0, count: count).map { $0 * 0x1p-20 }
        }
        let weights = (0..<8).map { shard in (0..<count).map { 0.5 + Float((shard + $0) % 3) / 4 } }
        let results = onThreads(ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5), shards: 8,
                algorithm: algorithm, hosts: hosts, segmentElements: 1000)
            let memory = try group.makeMemory(elements: count)
            let fold = FoldOrder(group.tree, range: group.shards[rank])
            var free = (0..<fold.openPartials).map { _ in memory.takeBlock() }
            let encoding = compression?.encoding ?? .float32
            var errors = [Int: [Float]]()
            var parameters = [Float](repeating: 0, count: count)
            for step in 0..<steps {
                var open: [ShardNode: UnsafeMutablePointer<Float>] = [:]
                for shard in fold.range {
                    let block = free.removeLast()
                    for index in 0..<count {
                        block[index] = weights[shard][index] * (parameters[index] - targets[shard][index])
                    }
                    compression?.prepare(
                        block, error: &errors[shard, default: .init(repeating: 0, count: count)], count: count)
                    open[ShardNode(shard, shard + 1)] = block
                    for addition in fold.additions(after: shard) {
                        guard let left = open.removeValue(forKey: addition.left),
                            let right = open.removeValue(forKey: addition.right)
                        else { continue }
                        for index in 0..<count { left[index] += right[index] }
                        encoding.round(left, count: count)
                        open[addition.parent] = left
                        free.append(right)
                    }
                }
                try group.sum(step: UInt64(step), bucket: 0, blocks: open, range: 0..<count, encoding: encoding)
                for index in 0..<count { parameters[index] -= 0.05 * memory.result[index] }
                free += open.values
            }
            return parameters
        }
        let parameters = try results[0].get()
        for result in results { #expect(try result.get().bits == parameters.bits) }
        var loss = 0.0
        for shard in 0..<8 {
            for index in 0..<count {
                let difference = Double(parameters[index] - targets[shard][index])
                loss += Double(weights[shard][index]) * difference * difference
            }
        }
        return (parameters, loss)
    }

    struct Method: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let compression: any GradientCompression
        var tolerance = 1e-3
    }

    private static let methods = [
        Method(testDescription: "bf16", compression: RoundingCompression(to: .bfloat16)),
        Method(testDescription: "fp16", compression: RoundingCompression(to: .scaledFloat16)),
        Method(testDescription: "int8", compression: RoundingCompression(to: .blockInt8)),
        Method(testDescription: "top-k", compression: TopKCompression(density: 0.2), tolerance: 1e-2),
    ]

    @Test("training with compressed gradients converges to the loss without", arguments: methods)
    func convergence(method: Method) throws {
        let exact = try train(nil, hosts: ["a", "b"])
        let found = try train(method.compression, hosts: ["a", "b"])
        #expect(abs(found.loss / exact.loss - 1) < method.tolerance, "\(found.loss) for \(exact.loss)")
        #expect(found.parameters.bits != exact.parameters.bits)
    }

    @Test("compressed training gives the same bits for any number of workers, hosts and algorithms", arguments: methods)
    func sameBits(method: Method) throws {
        let expected = try train(method.compression, hosts: ["a"], steps: 6).parameters.bits
        for (hosts, algorithm) in [
            ("ab", "tree"), ("aab", "direct"), ("abc", "halving_doubling"), ("abcde", "ring"), ("aabbbcc", "auto"),
        ] {
            let found = try train(
                method.compression, hosts: hosts.map { String($0) }, algorithm: algorithm, steps: 6)
            #expect(found.parameters.bits == expected, "\(hosts), \(algorithm)")
        }
    }
}

extension WireEncoding {
    /// The bytes of `values`, which have been rounded.
    fileprivate func written(_ values: UnsafeBufferPointer<Float>) -> Frame {
        values.baseAddress.map { encode($0, count: values.count) } ?? Frame([])
    }

    /// What `written` wrote; nil when it makes no sense.
    fileprivate func read(_ frame: Frame, count: Int) -> [Float]? {
        guard let decoded = decode(frame, count: count) else { return nil }
        return decoded.withBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }
}
