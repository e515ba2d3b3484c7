import Foundation

/// A run of immutable bytes, one part of a message, that is passed on without copies.
///
/// Somebody owns the bytes: a block of the frame's own, a received ZeroMQ message, or an object of the sender whose
/// memory the frame borrows. The frame keeps that owner alive, and nothing else: when the last frame on it is gone the
/// owner is released, which is how a sender learns that its memory is free to change.
public struct Frame: @unchecked Sendable {  // The bytes do not change while a frame refers to them.
    /// The number of bytes.
    public let count: Int
    let base: UnsafeRawPointer?
    let owner: AnyObject?

    /// A frame with a copy of `bytes`.
    public init(copying bytes: UnsafeRawBufferPointer) {
        let block = ByteBlock(bytes)
        self.init(base: UnsafeRawPointer(block.base), count: bytes.count, owner: block)
    }

    /// A frame with a copy of `bytes`.
    public init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Frame(copying: $0) }
    }

    /// A frame with a copy of `data`.
    public init(_ data: Data) {
        self = data.withUnsafeBytes { Frame(copying: $0) }
    }

    /// A frame on memory that `owner` keeps alive.
    ///
    /// The memory must not change until `owner` is deinitialised or uniquely referenced again: transports read it after
    /// `send` has returned, on other threads, and in one process the receiver reads the very same bytes.
    public init(borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.init(base: bytes.baseAddress, count: bytes.count, owner: owner)
    }

    init(base: UnsafeRawPointer?, count: Int, owner: AnyObject?) {
        self.base = base
        self.count = count
        self.owner = owner
    }

    /// The bytes, valid while the frame is kept; nil when there are none.
    package var address: UnsafeRawPointer? { base }

    /// Calls `body` with the bytes, valid during the call; they may lie at any address, so load them unaligned.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(owner) {} }
        return try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of the bytes.
    public var data: Data { withBytes { Data($0) } }

    /// A copy of the bytes.
    public var bytes: [UInt8] { withBytes { Array($0) } }
}

/// Bytes that a frame owns itself.
private final class ByteBlock {
    let base: UnsafeMutableRawPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        base = .allocate(byteCount: max(bytes.count, 1), alignment: 16)
        if let source = bytes.baseAddress { base.copyMemory(from: source, byteCount: bytes.count) }
    }

    deinit { base.deallocate() }
}
