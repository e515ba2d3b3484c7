import Foundation
import Hashing

/// One file of decoded frames, mapped to memory: a header of 64 bytes with a checksum, then the frames.
///
/// Nobody shortens such a file: it is made complete and only ever removed, which leaves maps as they are.
final class FrameFile {
    /// "CONVOYFR" in ASCII.
    private static let magic = Array("CONVOYFR".utf8)
    /// The bytes in front of the frames: magic, checksum, zeros.
    static let headerBytes = 64

    private let base: UnsafeMutableRawPointer
    private let size: Int

    /// Maps the file at `path`; nil when it is missing or has not `byteCount` bytes of frames.
    init?(_ path: String, byteCount: Int) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        let size = Self.headerBytes + byteCount
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == size,
            let map = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), map != MAP_FAILED
        else { return nil }
        base = map
        self.size = size
        madvise(base, size, MADV_WILLNEED)
    }

    deinit { munmap(base, size) }

    /// The bytes of the frames.
    var frames: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: (base + Self.headerBytes).assumingMemoryBound(to: UInt8.self), count: size - Self.headerBytes)
    }

    /// Whether the frames are those that were written.
    var isIntact: Bool {
        let header = Self.header(frames)
        return (0..<header.count).allSatisfy { base.load(fromByteOffset: $0, as: UInt8.self) == header[$0] }
    }

    /// Writes a file complete or not at all; false when it cannot be written.
    static func write(_ frames: UnsafeBufferPointer<UInt8>, to path: String) -> Bool {
        let temporary = "\(path).\(getpid())-\(UInt(bitPattern: frames.baseAddress))"
        let content = Data(header(frames)) + Data(buffer: frames)
        guard FileManager.default.createFile(atPath: temporary, contents: content),
            rename(temporary, path) == 0
        else {
            unlink(temporary)
            return false
        }
        return true
    }

    private static func header(_ frames: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let start = magic + SHA256.hash(UnsafeRawBufferPointer(frames)).bytes
        return start + [UInt8](repeating: 0, count: headerBytes - start.count)
    }
}
