import Messaging

/// The message by which a receiver lets a sender send more: so many bytes have been taken in.
///
/// 24 bytes, little-endian: magic "CVCG", generation (4), run id (8), bytes (8).
struct CreditGrant: Hashable, Sendable {
    private static let magic: UInt32 = 0x4743_5643
    private static let size = 24

    let runID: UInt64
    let generation: UInt32
    let bytes: Int

    /// The message.
    var frame: Frame {
        var message: [UInt8] = []
        func put<Value: FixedWidthInteger>(_ value: Value) {
            withUnsafeBytes(of: value.littleEndian) { message.append(contentsOf: $0) }
        }
        put(Self.magic)
        put(generation)
        put(runID)
        put(Int64(bytes))
        return Frame(message)
    }

    init(runID: UInt64, generation: UInt32, bytes: Int) {
        self.runID = runID
        self.generation = generation
        self.bytes = bytes
    }

    /// The grant in a message; nil when it is something else.
    init?(_ frames: [Frame]) {
        guard frames.count == 1, frames[0].count == Self.size else { return nil }
        let fields: (UInt32, UInt32, UInt64, Int64) = frames[0].withBytes { bytes in
            (
                UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)),
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)),
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: Int64.self))
            )
        }
        guard fields.0 == Self.magic, (1...1 << 40).contains(fields.3) else { return nil }
        self.init(runID: fields.2, generation: fields.1, bytes: Int(fields.3))
    }
}
