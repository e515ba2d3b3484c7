import Foundation

/// A file could not be read to its end to hash it.
public struct HashingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file's path.
    public let path: String
    /// The error number of the call that failed.
    public let code: Int32

    /// One sentence with the file and the reason.
    public var description: String {
        "\(path): cannot be read to verify its contents: \(String(cString: strerror(code))); check the path and its permissions"
    }
}

extension SHA256 {
    /// The digest and size in bytes of the file at `path`, read in pieces of 1 MiB.
    ///
    /// - Throws: ``HashingError`` when the file cannot be opened or read.
    public static func hash(file path: String) throws(HashingError) -> (digest: Digest, size: Int) {
        var state = SHA256()
        let size = try FilePieces.read(path) { state.update($0) }
        return (state.finalize(), size)
    }
}

/// A file in pieces of 1 MiB.
enum FilePieces {
    /// Calls `body` with each piece; returns the size of the file.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws(HashingError) -> Int {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw HashingError(path: path, code: errno) }
        defer { close(descriptor) }
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        var size = 0
        while true {
            let count = Foundation.read(descriptor, piece.baseAddress, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw HashingError(path: path, code: errno) }
            if count == 0 { return size }
            body(UnsafeRawBufferPointer(rebasing: piece[..<count]))
            size += count
        }
    }
}
