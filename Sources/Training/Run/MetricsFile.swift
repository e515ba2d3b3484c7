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
        encoder.keyEncodingStrategy = .convertToSnakeCase
    }

    func append(_ record: some Encodable) throws {
        try file.write(contentsOf: try encoder.encode(record) + Data("\n".utf8))
    }

    func close() throws { try file.close() }
}
