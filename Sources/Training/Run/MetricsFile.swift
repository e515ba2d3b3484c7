import Foundation

/// `metrics.jsonl`: one JSON object a line.
///
/// Confined to one thread.
final class MetricsFile {
    private let file: FileHandle
    private let encoder = JSONEncoder()

    /// Opens the file for appending, creating it when it is missing; empties it when it `isNew`.
    init(path: String, isNew: Bool = false) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (isNew ? O_TRUNC : 0), 0o644)
        guard descriptor >= 0 else { throw RunDirectoryError(path: path, cause: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        encoder.outputFormatting = [.sortedKeys]
    }

    /// Writes a line for each record.
    func append(_ records: [some Encodable]) throws {
        var lines = Data()
        for record in records { lines += try encoder.encode(record) + Data("\n".utf8) }
        try file.write(contentsOf: lines)
    }

    func close() throws { try file.close() }
}
