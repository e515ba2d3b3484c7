import Checkpoints
import Foundation

/// The directory that a run leaves behind.
public struct RunDirectory: Sendable {
    /// The run's id: the last part of the path.
    public let id: String
    /// The path.
    public let path: String

    /// Creates `<parent>/<name>-<date and time>`; a number is added when that exists.
    ///
    /// - Throws: `FileError` when the directory cannot be created.
    public init(creatingIn parent: String, name: String, at date: Date = Date()) throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.dateFormat = "yyyyMMdd-HHmmss"
        let stem = "\(name)-\(formatter.string(from: date))"
        do {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        } catch {
            throw RunDirectoryError(path: parent, cause: (error as NSError).localizedDescription)
        }
        var candidate = stem
        var number = 2
        while mkdir("\(parent)/\(candidate)", 0o755) != 0 {
            guard errno == EEXIST else {
                throw RunDirectoryError(path: "\(parent)/\(candidate)", cause: String(cString: strerror(errno)))
            }
            candidate = "\(stem)-\(number)"
            number += 1
        }
        id = candidate
        path = "\(parent)/\(candidate)"
        try AtomicFile.synchronize(folder: parent)
        try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
    }

    /// Opens the directory of a run that was begun before.
    ///
    /// - Throws: When it holds no configuration, which is written once everything is there that a run needs to be taken
    ///   over; so nobody has joined by then.
    public init(opening path: String) throws {
        let standard = URL(fileURLWithPath: path).standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: "\(standard)/\(Self.configurationName)") else {
            if FileManager.default.fileExists(atPath: "\(standard)/\(Ledger.name)") {
                throw RunDirectoryError(
                    sentence: "the run of \(path) ended before any worker could join it, so there is nothing to go on "
                        + "with; start it anew")
            }
            throw RunDirectoryError(
                sentence: "\(path) is no run's directory: it holds no \(Self.configurationName); check the path")
        }
        self.path = standard
        id = (standard as NSString).lastPathComponent
    }

    /// The name of the complete configuration.
    static let configurationName = "config.yaml"

    /// The path of a file in the directory.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Where logs lie.
    public var logs: String { file("logs") }

    /// The coordinator's log.
    var coordinatorLog: String { "\(logs)/coordinator.log" }

    /// The log of the worker that joined as number `number`.
    public func workerLog(_ number: Int) -> String { "\(logs)/worker-\(number).log" }

    /// Where checkpoints lie.
    public var checkpoints: String { file("checkpoints") }

    /// Writes the complete configuration, from which on the run can be taken over.
    func write(_ configuration: RunConfiguration) throws {
        try AtomicFile.write(file(Self.configurationName), Data(try configuration.yaml().utf8))
    }

    /// Writes a file of the directory complete or not at all, as JSON with sorted keys.
    package func write(_ value: some Encodable, to name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let bytes = try encoder.encode(value) + Data("\n".utf8)
        try AtomicFile.write(file(name), bytes)
    }
}

/// A run's directory that cannot be made or used.
package struct RunDirectoryError: Error, CustomStringConvertible {
    package let description: String

    init(path: String, cause: String) {
        self.init(
            sentence:
                "the run's directory \(path) cannot be created (\(cause)); set run.directory to a folder that can be written"
        )
    }

    init(sentence: String) { description = sentence }
}
