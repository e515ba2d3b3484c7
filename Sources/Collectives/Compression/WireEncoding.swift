import Messaging

/// How the elements of partial sums and results are written on the wire.
///
/// An encoding may hold less than a 32-bit float. Then every shard's gradients, and every sum of two nodes of the shard
/// tree, are rounded to what it can hold, also where nothing is sent. So writing loses nothing, and the bits of the result
/// do not depend on what travels: they are the same for any number of workers.
public enum WireEncoding: UInt16, Hashable, Sendable, CaseIterable {
    /// Little-endian 32-bit floats.
    case float32 = 0
    /// The upper half of a 32-bit float.
    case bfloat16 = 1
    /// 16-bit floats with a power of two as the scale of each block.
    case scaledFloat16 = 2
    /// 8-bit integers with a power of two as the scale of each block.
    case blockInt8 = 3
    /// Index and value of what is not zero.
    case sparse = 4

    /// Elements that are rounded together; blocks are counted from the start of a bucket.
    public static let block = TreeSum.block

    private var format: (any WireFormat)? {
        switch self {
        case .float32: nil
        case .bfloat16: BFloat16Format()
        case .scaledFloat16: ScaledFloat16Format()
        case .blockInt8: BlockInt8Format()
        case .sparse: SparseFormat()
        }
    }

    /// Rounds `count` elements from the start of a block on to what the encoding can hold.
    ///
    /// - Determinism: a pure function of the elements of each block; rounding again changes nothing.
    public func round(_ values: UnsafeMutablePointer<Float>, count: Int) { format?.round(values, count: count) }

    /// Writes elements that have been rounded.
    package func encode(_ values: UnsafePointer<Float>, count: Int) -> Frame {
        format?.encode(values, count: count)
            ?? Frame(copying: UnsafeRawBufferPointer(start: values, count: count * MemoryLayout<Float>.stride))
    }

    /// The elements of a frame as 32-bit floats; nil when it does not hold `count` of them.
    package func decode(_ frame: Frame, count: Int) -> Frame? {
        guard isPossible(bytes: frame.count, count: count) else { return nil }
        guard let format else { return frame }
        return format.decode(frame, count: count)
    }

    /// Whether `count` elements can take `bytes`.
    func isPossible(bytes: Int, count: Int) -> Bool {
        format?.isPossible(bytes: bytes, count: count) ?? (bytes == count * MemoryLayout<Float>.stride)
    }
}

/// The rounding, writing and reading of an encoding.
protocol WireFormat: Sendable {
    /// Rounds to what can be written.
    func round(_ values: UnsafeMutablePointer<Float>, count: Int)

    /// Whether `count` elements can take `bytes`.
    func isPossible(bytes: Int, count: Int) -> Bool

    /// Writes elements that have been rounded.
    func encode(_ values: UnsafePointer<Float>, count: Int) -> Frame

    /// The elements as 32-bit floats; nil when the bytes make no sense. Their number is possible.
    func decode(_ frame: Frame, count: Int) -> Frame?
}

extension Frame {
    /// A frame of `count` bytes that `fill` writes.
    static func made(_ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> Frame {
        let block = WireBytes(count)
        fill(block.base)
        return Frame(borrowing: UnsafeRawBufferPointer(start: block.base, count: count), owner: block)
    }
}

/// Encoded or decoded elements on their way.
private final class WireBytes {
    let base: UnsafeMutableRawPointer
    init(_ count: Int) { base = .allocate(byteCount: max(count, 1), alignment: 64) }
    deinit { base.deallocate() }
}
