import Foundation
import Hashing

/// A checkpoint that is refused, or that cannot be written.
public struct CheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file or folder concerned.
    public let path: String
    /// What is wrong.
    public let problem: String

    /// Makes an error.
    public init(_ path: String, _ problem: String) {
        self.path = path
        self.problem = problem
    }

    /// One sentence: path and problem.
    public var description: String { "\(path): \(problem)" }
}

/// What a checkpoint's folder must hold, written beside the files as `manifest.json`.
struct Manifest: Codable, Equatable {
    struct File: Codable, Equatable {
        let size: Int
        let sha256: String
    }

    static let name = "manifest.json"
    static let version = 1

    var version = Self.version
    let step: Int
    let files: [String: File]

    /// Whether `name` is the plain name of a file other than the manifest.
    static func isFileName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && !name.contains("/") && !name.contains("\0") && name != Self.name
    }
}

/// A complete checkpoint whose files had the sizes and hashes of the manifest when it was opened.
public struct Checkpoint: Sendable, Equatable {
    /// The checkpoint's folder.
    public let directory: String
    /// The number of committed steps that it holds.
    public let step: Int
    /// The names of its files.
    public let files: [String]

    /// The path of one of its files.
    public func path(of file: String) -> String { (directory as NSString).appendingPathComponent(file) }

    /// Opens the checkpoint in `directory` and checks every file against the manifest.
    ///
    /// - Throws: ``CheckpointError`` that names the first file that is missing or damaged.
    public static func open(_ directory: String) throws(CheckpointError) -> Checkpoint {
        func path(_ name: String) -> String { (directory as NSString).appendingPathComponent(name) }
        let manifestPath = path(Manifest.name)
        let manifest: Manifest
        do {
            manifest = try JSONDecoder().decode(
                Manifest.self, from: Data(contentsOf: URL(fileURLWithPath: manifestPath)))
        } catch is DecodingError {
            throw CheckpointError(manifestPath, "is damaged; use another checkpoint")
        } catch {
            throw CheckpointError(manifestPath, "cannot be read; \(directory) is no complete checkpoint")
        }
        guard manifest.version == Manifest.version else {
            throw CheckpointError(
                manifestPath, "has version \(manifest.version), but this program reads version \(Manifest.version)")
        }
        for (name, expected) in manifest.files.sorted(by: { $0.key < $1.key }) {
            guard Manifest.isFileName(name) else {
                throw CheckpointError(manifestPath, "lists '\(name)', which is no plain file name")
            }
            let found: (digest: Digest, size: Int)
            do {
                found = try SHA256.hash(file: path(name))
            } catch {
                throw CheckpointError(error.path, "\(String(cString: strerror(error.code))), but the manifest lists it")
            }
            guard found.size == expected.size else {
                throw CheckpointError(
                    path(name), "has \(found.size) bytes, but the manifest says \(expected.size); it is damaged")
            }
            guard found.digest.hexadecimal == expected.sha256 else {
                throw CheckpointError(path(name), "does not have the SHA-256 of the manifest; it is damaged")
            }
        }
        return Checkpoint(directory: directory, step: manifest.step, files: manifest.files.keys.sorted())
    }
}
