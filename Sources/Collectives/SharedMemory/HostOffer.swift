import Messaging

/// The message by which a worker tells others of its host where the generation's shared memory is.
///
/// 40 bytes, little-endian: magic "CVSH", generation (4), run id (8), process id (4), descriptor (4), bytes (8),
/// token (8).
struct HostOffer: Hashable, Sendable {
    private static let magic: UInt32 = 0x4853_5643
    private static let size = 40

    let runID: UInt64
    let generation: UInt32
    let region: SharedRegion.Offer

    /// The message.
    var frame: Frame {
        var bytes: [UInt8] = []
        func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(Self.magic)
        put(generation)
        put(runID)
        put(region.pid)
        put(region.descriptor)
        put(Int64(region.count))
        put(region.token)
        return Frame(bytes)
    }

    init(runID: UInt64, generation: UInt32, region: SharedRegion.Offer) {
        self.runID = runID
        self.generation = generation
        self.region = region
    }

    /// The offer in a message; nil when it is something else.
    init?(_ frames: [Frame]) {
        guard frames.count == 1, frames[0].count == Self.size else { return nil }
        let fields: (UInt32, UInt32, UInt64, Int32, Int32, Int64, UInt64) = frames[0].withBytes { bytes in
            var offset = 0
            func take<Value: FixedWidthInteger & BitwiseCopyable>() -> Value {
                defer { offset += MemoryLayout<Value>.size }
                return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
            }
            return (take(), take(), take(), take(), take(), take(), take())
        }
        guard fields.0 == Self.magic, fields.3 > 0, fields.4 >= 0, (0..<1 << 40).contains(fields.5) else { return nil }
        generation = fields.1
        runID = fields.2
        region = .init(pid: fields.3, descriptor: fields.4, count: Int(fields.5), token: fields.6)
    }
}
