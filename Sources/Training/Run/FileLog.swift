import Foundation
import Logging
import Synchronization

/// A log file of a run: one line an entry, with the time in UTC.
public final class FileLog: Sendable {
    private let file: Mutex<FileHandle>

    /// Opens a file for appending, creating it when it is missing.
    ///
    /// - Throws: When the file cannot be opened.
    public init(path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw RunDirectoryError(path: path, cause: String(cString: strerror(errno))) }
        file = Mutex(FileHandle(fileDescriptor: descriptor, closeOnDealloc: true))
    }

    /// A log on standard error, as a worker process has one.
    public static let standardError = FileLog(FileHandle(fileDescriptor: STDERR_FILENO, closeOnDealloc: false))

    private init(_ handle: FileHandle) { file = Mutex(handle) }

    /// Appends a line.
    ///
    /// - Parameter level: How much it matters.
    public func write(_ level: Logger.Level, _ line: String) {
        let time = Date().formatted(.iso8601.time(includingFractionalSeconds: true))
        let bytes = Data("\(time) \(level.rawValue) \(line)\n".utf8)
        // A log that cannot be written must not end the run that it tells of.
        file.withLock { try? $0.write(contentsOf: bytes) }
    }

    /// A logger that appends to the file.
    public func logger(_ label: String, level: Logger.Level = .info) -> Logger {
        Logger(label: label) { _ in FileLogHandler(log: self, logLevel: level) }
    }
}

/// Writes swift-log's entries to a ``FileLog``.
private struct FileLogHandler: LogHandler {
    let log: FileLog
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        let suffix = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        log.write(event.level, "\(event.message)\(suffix)")
    }
}
