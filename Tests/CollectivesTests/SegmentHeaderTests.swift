import Collectives
import Messaging
import Tensors
import Testing

@Suite("Segment header")
struct SegmentHeaderTests {
    private let header = SegmentHeader(
        runID: 0x0102_0304_0506_0708, position: Position(generation: 3, step: 1 << 40, bucket: 9), phase: .allGather,
        node: ShardNode(4, 6), offset: 1 << 33, count: 2)
    private let payload = Frame([UInt8](repeating: 0, count: 8))

    private func changed(_ byte: Int, to value: UInt8) -> Frame {
        var bytes = header.message(payload)[0].bytes
        bytes[byte] = value
        return Frame(bytes)
    }

    @Test("what is written is read again")
    func roundTrip() throws {
        #expect(header.message(payload)[0].count == SegmentHeader.size)
        #expect(try SegmentHeader(header.message(payload)) == header)
    }

    @Test("a header that is damaged is refused with the reason")
    func damaged() {
        let cases: [([Frame], String)] = [
            ([], "it has 0 frames instead of 2"),
            (
                [Frame(Array(header.message(payload)[0].bytes.dropLast())), payload],
                "its header has 59 bytes instead of 60"
            ),
            ([changed(0, to: 0), payload], "it is not a gradient segment"),
            ([changed(4, to: 7), payload], "it has format version 7 instead of 2"),
            ([changed(6, to: 0), payload], "it has an unknown phase 0"),
            ([changed(32, to: 6), payload], "its shards 6..<6 are no range"),
            ([changed(47, to: 0x80), payload], "its first element 9223372045444710400 is out of range"),
            ([changed(48, to: 3), payload], "it announces 3 elements and carries 8 bytes"),
            ([changed(52, to: 99), payload], "it has an unknown encoding 99"),
            ([changed(54, to: 1), payload], "it has 2 frames instead of 1"),
            ([changed(0, to: 0x43)], "it has 1 frames instead of 2"),
        ]
        for (frames, reason) in cases {
            #expect(throws: MalformedSegment(reason)) { try SegmentHeader(frames) }
        }
    }

    @Test("any flipped bit shows in the checksum")
    func checksums() {
        #expect(checksum(Frame(Array("123456789".utf8))) == 0xe306_9283)
        #expect(checksum(Frame(Array("1234".utf8)), Frame([]), Frame(Array("56789".utf8))) == 0xe306_9283)
        for message in [header.message(payload), header.request] {
            #expect(SegmentHeader.isIntact(message))
            for (index, frame) in message.enumerated() {
                for bit in 0..<frame.count * 8 {
                    var bytes = frame.bytes
                    bytes[bit / 8] ^= 1 << (bit % 8)
                    var damaged = message
                    damaged[index] = Frame(bytes)
                    #expect(!SegmentHeader.isIntact(damaged))
                }
            }
        }
    }

    @Test("random bytes never trap")
    func random() {
        for seed in UInt64(0)..<2000 {
            var random = RandomStream(seed: seed)
            var bytes = header.message(payload)[0].bytes
            for _ in 0..<(1 + random.integer(below: 8)) {
                bytes[random.integer(below: bytes.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = try? SegmentHeader([Frame(bytes), payload])
        }
    }
}

@Suite("Sums")
struct SumTests {
    @Test("unaligned operands of any length are added element by element")
    func addition() {
        for count in [0, 1, 15, 16, 17, 33, 100] {
            for shift in 0..<4 {
                var random = RandomStream(seed: UInt64(count), UInt64(shift))
                let left = (0..<count).map { _ in random.normal() }
                let right = (0..<count).map { _ in random.normal() }
                let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 4 + 8, alignment: 16)
                defer { bytes.deallocate() }
                left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: bytes[shift...]).copyMemory(from: $0) }
                guard let base = bytes.baseAddress else { continue }
                var sum = right
                sum.withUnsafeMutableBytes { sum in
                    guard let target = sum.baseAddress else { return }
                    add(base + shift, target, into: target, count: count)
                }
                #expect(sum.bits == zip(left, right).map { ($0 + $1) }.bits)
            }
        }
    }

    @Test("a tree sum adds up the tree, also over the memory of an operand")
    func treeSum() {
        for shards in 1...9 {
            let root = ShardNode(0, shards)
            let operands = (0..<shards).map { ShardNode($0, $0 + 1) }
            let count = 2500
            let sum = TreeSum(to: root, from: operands)
            let scratch = UnsafeMutablePointer<Float>.allocate(capacity: sum.scratchBlocks * TreeSum.block)
            defer { scratch.deallocate() }
            for target in 0..<shards {
                let memory = (0..<shards).map { shard in
                    let block = UnsafeMutablePointer<Float>.allocate(capacity: count)
                    block.update(from: gradient(ofShard: shard, step: 0, bucket: 0, count: count), count: count)
                    return block
                }
                defer { for block in memory { block.deallocate() } }
                var stack: [UnsafeRawPointer] = []
                sum.run(
                    memory.map { UnsafeRawPointer($0) }, into: memory[target], count: count, scratch: scratch,
                    stack: &stack)
                let expected = plainSum(root, step: 0, bucket: 0, count: count)
                #expect(Array(UnsafeBufferPointer(start: memory[target], count: count)).bits == expected.bits)
            }
        }
    }
}
