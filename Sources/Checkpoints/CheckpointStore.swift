import Foundation

/// A folder of checkpoints, `step-<n>` each, of which the newest few are kept.
///
/// A checkpoint appears complete or not at all. The text file `latest` holds the name of the newest, for people and
/// scripts; ``newest(report:)`` trusts nothing but the manifests.
public struct CheckpointStore: Sendable {
    /// The folder.
    public let directory: String
    private let kept: Int

    /// Opens the folder, creating it when it is missing, and removes what a crash left half written.
    ///
    /// - Parameters:
    ///   - directory: The folder; one process at a time may write to it.
    ///   - keep: How many checkpoints remain after a new one is complete; at least 1.
    /// - Throws: ``FileError`` when the folder cannot be created or read.
    public init(directory: String, keep: Int) throws(FileError) {
        precondition(keep > 0, "a store keeps at least one checkpoint")
        self.directory = directory
        kept = keep
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw FileError(directory, cannot: "be created", code: error.errorNumber)
        }
        for name in try names() where name.hasPrefix(".") && name.hasSuffix(".partial") { try remove(name) }
    }

    /// Starts a checkpoint after `step` committed steps.
    ///
    /// - Throws: ``FileError`` when the disk refuses, or when one of the same step is being written.
    public func begin(step: Int) throws(FileError) -> CheckpointWriter {
        try CheckpointWriter(store: self, step: step)
    }

    /// The steps of the checkpoints in the folder, whatever their state, in ascending order.
    ///
    /// - Throws: ``FileError`` when the folder cannot be read.
    public func steps() throws(FileError) -> [Int] {
        try names().compactMap { name in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), Self.name(step) == name else {
                return nil
            }
            return step
        }.sorted()
    }

    /// The newest checkpoint whose files all verify; nil when there is none.
    ///
    /// - Parameter report: Receives one line for each newer checkpoint that was refused.
    /// - Throws: ``FileError`` when the folder cannot be read.
    public func newest(report: (String) -> Void) throws(FileError) -> Checkpoint? {
        for step in try steps().reversed() {
            let folder = path(Self.name(step))
            do {
                let checkpoint = try Checkpoint.open(folder)
                if checkpoint.step == step { return checkpoint }
                report("checkpoint \(folder) refused: its manifest is that of step \(checkpoint.step)")
            } catch {
                report("checkpoint \(folder) refused: \(error)")
            }
        }
        return nil
    }

    static func name(_ step: Int) -> String { "step-\(step)" }
    static func partialName(_ step: Int) -> String { ".step-\(step).partial" }
    func path(_ name: String) -> String { (directory as NSString).appendingPathComponent(name) }

    /// Gives the complete folder at `partial` its name, lets `latest` point to it and removes the oldest ones.
    func publish(_ partial: String, step: Int) throws {
        let name = Self.name(step)
        // A run that went back to an older checkpoint reaches the same steps again; what lies ahead is void.
        for ahead in try steps() where ahead >= step { try retire(Self.name(ahead)) }
        try move(partial, path(name))
        try AtomicFile.synchronize(folder: directory)
        try AtomicFile.write(path("latest"), Data((name + "\n").utf8))
        for old in try steps().dropLast(kept) { try retire(Self.name(old)) }
    }

    /// Removes a checkpoint; it loses its name first, so that no half of it is ever taken for a whole.
    private func retire(_ name: String) throws(FileError) {
        let retired = ".\(name).\(UUID().uuidString).partial"
        try move(path(name), path(retired))
        try remove(retired)
    }

    private func move(_ source: String, _ target: String) throws(FileError) {
        guard rename(source, target) == 0 else { throw FileError(source, cannot: "be renamed", code: errno) }
    }

    private func remove(_ name: String) throws(FileError) {
        do {
            try FileManager.default.removeItem(atPath: path(name))
        } catch {
            throw FileError(path(name), cannot: "be removed", code: error.errorNumber)
        }
    }

    private func names() throws(FileError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw FileError(directory, cannot: "be read", code: error.errorNumber)
        }
    }
}

extension Error {
    /// The number of the failed system call behind an error of Foundation.
    fileprivate var errorNumber: Int32 {
        let underlying = (self as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? self as NSError
        return underlying.domain == NSPOSIXErrorDomain ? Int32(truncatingIfNeeded: underlying.code) : EIO
    }
}
