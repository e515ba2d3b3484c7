import Messaging

/// Where a segment belongs in time: all-reduces run in this order on every rank.
package struct Position: Hashable, Comparable, Sendable {
    package let generation: UInt32
    package let step: UInt64
    package let bucket: UInt32

    package init(generation: UInt32, step: UInt64, bucket: UInt32) {
        self.generation = generation
        self.step = step
        self.bucket = bucket
    }

    package static func < (left: Position, right: Position) -> Bool {
        (left.generation, left.step, left.bucket) < (right.generation, right.step, right.bucket)
    }
}

/// The first frame of a segment's message; the second one holds the elements as little-endian float32.
///
/// 60 bytes, little-endian: magic "CVSG", version and phase (2 bytes each), run id (8), generation (4), step (8),
/// bucket (4), first and last shard of the node (4 each), first element (8), number of elements (4), encoding (2),
/// 1 for a request to send the segment again (2), checksum (4). The checksum is the CRC-32C of the bytes before it and
/// of the elements; TCP's own misses one damaged packet in some ten thousand. A request has no second frame.
package struct SegmentHeader: Hashable, Sendable {
    package static let size = 60
    private static let magic: UInt32 = 0x4753_5643
    private static let version: UInt16 = 2

    package let runID: UInt64
    package let position: Position
    package let phase: Plan.Phase
    package let node: ShardNode
    package let offset: Int
    package let count: Int
    /// How the elements are written.
    package let encoding: WireEncoding
    /// Whether this asks for the segment, which arrived damaged.
    package var isRequest = false

    /// A message with the elements in `payload`.
    package func message(_ payload: Frame) -> [Frame] { [frame(payload), payload] }

    /// The header of the segment that a request asks for.
    package var withoutRequest: SegmentHeader {
        var copy = self
        copy.isRequest = false
        return copy
    }

    /// The message that asks for the segment again.
    package var request: [Frame] {
        var copy = self
        copy.isRequest = true
        return [copy.frame(Frame([]))]
    }

    private func frame(_ payload: Frame) -> Frame {
        withUnsafeTemporaryAllocation(byteCount: Self.size, alignment: 8) { bytes in
            var writer = bytes.baseAddress
            func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
                writer?.storeBytes(of: value.littleEndian, as: Value.self)
                writer = writer.map { $0 + MemoryLayout<Value>.size }
            }
            put(Self.magic)
            put(Self.version)
            put(phase.rawValue)
            put(runID)
            put(position.generation)
            put(position.step)
            put(position.bucket)
            put(UInt32(node.lower))
            put(UInt32(node.upper))
            put(UInt64(offset))
            put(UInt32(count))
            put(encoding.rawValue)
            put(UInt16(isRequest ? 1 : 0))
            let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(Self.size - 4)])
            put(checksum(Frame(copying: covered), payload))
            return Frame(copying: UnsafeRawBufferPointer(bytes))
        }
    }

    package init(
        runID: UInt64, position: Position, phase: Plan.Phase, node: ShardNode, offset: Int, count: Int,
        encoding: WireEncoding = .float32
    ) {
        self.runID = runID
        self.position = position
        self.phase = phase
        self.node = node
        self.offset = offset
        self.count = count
        self.encoding = encoding
    }

    /// Reads the header of a message and checks that it fits the payload.
    package init(_ frames: [Frame]) throws(MalformedSegment) {
        guard (1...2).contains(frames.count) else {
            throw MalformedSegment("it has \(frames.count) frames instead of 2")
        }
        guard frames[0].count == Self.size else {
            throw MalformedSegment("its header has \(frames[0].count) bytes instead of \(Self.size)")
        }
        self = try frames[0].withBytes { bytes throws(MalformedSegment) in try Self(bytes) }
        guard frames.count == (isRequest ? 1 : 2) else {
            throw MalformedSegment("it has \(frames.count) frames instead of \(isRequest ? 1 : 2)")
        }
        guard isRequest || encoding.isPossible(bytes: frames[1].count, count: count) else {
            throw MalformedSegment("it announces \(count) elements and carries \(frames[1].count) bytes")
        }
    }

    private init(_ bytes: UnsafeRawBufferPointer) throws(MalformedSegment) {
        var offset = 0
        func take<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Value {
            defer { offset += MemoryLayout<Value>.size }
            return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        guard take(UInt32.self) == Self.magic else { throw MalformedSegment("it is not a gradient segment") }
        let version = take(UInt16.self)
        guard version == Self.version else {
            throw MalformedSegment("it has format version \(version) instead of \(Self.version)")
        }
        let phase = take(UInt16.self)
        guard let phase = Plan.Phase(rawValue: phase) else {
            throw MalformedSegment("it has an unknown phase \(phase)")
        }
        self.phase = phase
        runID = take(UInt64.self)
        let generation = take(UInt32.self)
        let step = take(UInt64.self)
        position = Position(generation: generation, step: step, bucket: take(UInt32.self))
        let lower = take(UInt32.self)
        let upper = take(UInt32.self)
        guard lower < upper else { throw MalformedSegment("its shards \(lower)..<\(upper) are no range") }
        node = ShardNode(Int(lower), Int(upper))
        let first = take(UInt64.self)
        guard let first = Int(exactly: first), first <= Int.max / 8 else {
            throw MalformedSegment("its first element \(first) is out of range")
        }
        self.offset = first
        count = Int(take(UInt32.self))
        let encoding = take(UInt16.self)
        guard let encoding = WireEncoding(rawValue: encoding) else {
            throw MalformedSegment("it has an unknown encoding \(encoding)")
        }
        self.encoding = encoding
        isRequest = take(UInt16.self) == 1
    }

    /// Whether a message has arrived as it was sent.
    package static func isIntact(_ frames: [Frame]) -> Bool {
        frames[0].withBytes { bytes in
            let covered = Frame(copying: UnsafeRawBufferPointer(rebasing: bytes[..<(size - 4)]))
            let found = frames.count > 1 ? checksum(covered, frames[1]) : checksum(covered)
            return found == UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: size - 4, as: UInt32.self))
        }
    }
}

/// Why a message cannot be a segment; ends a sentence that starts with "a message was dropped because".
package struct MalformedSegment: Error, Equatable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}
