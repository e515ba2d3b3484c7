import Foundation

/// A file or folder that the operating system refused to read or change.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file or folder.
    public let path: String
    /// What was attempted, as in `be written`.
    public let attempt: String
    /// The error number.
    public let code: Int32

    /// Makes an error of the number that the failed call left behind.
    public init(_ path: String, cannot attempt: String, code: Int32) {
        self.path = path
        self.attempt = attempt
        self.code = code
    }

    /// One sentence with path, cause and remedy.
    public var description: String {
        let remedy =
            switch code {
            case ENOSPC, EDQUOT: "free space on the disk or choose another folder"
            case EROFS: "choose a folder on a disk that is not read-only"
            case EACCES, EPERM: "check the permissions of the folder"
            case ENOENT: "check that the folder exists"
            default: "check the disk and the path"
            }
        return "\(path): cannot \(attempt): \(String(cString: strerror(code))); \(remedy)"
    }
}

/// A new file that is written from start to end.
public final class OutputFile {
    private let path: String
    private var descriptor: Int32

    /// Creates the file at `path`, which must not exist yet.
    init(path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw FileError(path, cannot: "be created", code: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends `bytes`.
    ///
    /// - Throws: ``FileError`` with the cause, such as a full disk.
    public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Foundation.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path, cannot: "be written", code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// Appends `bytes`, such as `Data` or `[UInt8]`.
    ///
    /// - Throws: ``FileError`` with the cause, such as a full disk.
    public func write(_ bytes: some ContiguousBytes) throws {
        try bytes.withUnsafeBytes { try write($0) }
    }

    /// Waits until the disk has the contents, and closes the file.
    func finish() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError(path, cannot: "be written to the disk", code: errno) }
        let result = close(descriptor)
        descriptor = -1
        guard result == 0 else { throw FileError(path, cannot: "be closed", code: errno) }
    }
}

/// Replaces files so that readers, and whoever comes after a crash, see the old contents or the new, nothing between.
public enum AtomicFile {
    /// Has `body` write a temporary file beside `path`, forces it to the disk and gives it the name.
    ///
    /// - Throws: ``FileError`` when the disk refuses, and what `body` throws; the temporary file is gone then and what
    ///   was at `path` is untouched.
    public static func write(_ path: String, _ body: (OutputFile) throws -> Void) throws {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        let temporary = (folder as NSString).appendingPathComponent(".\(name).\(UUID().uuidString).partial")
        let file = try OutputFile(path: temporary)
        do {
            try body(file)
            try file.finish()
            guard rename(temporary, path) == 0 else { throw FileError(path, cannot: "be replaced", code: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        try synchronize(folder: folder)
    }

    /// Replaces the contents of `path` by `bytes`.
    ///
    /// - Throws: ``FileError`` when the disk refuses.
    public static func write(_ path: String, _ bytes: some ContiguousBytes) throws {
        try write(path) { try $0.write(bytes) }
    }

    /// Forces a folder's list of names to the disk, so that a rename survives a power failure.
    ///
    /// - Throws: ``FileError`` when the disk refuses.
    public static func synchronize(folder: String) throws(FileError) {
        let folder = folder.isEmpty ? "." : folder
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(folder, cannot: "be opened", code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError(folder, cannot: "be written to the disk", code: errno) }
    }
}
