import Foundation
import Hashing

/// A checkpoint on its way to the disk: files grow piece by piece in a hidden folder that gets its name at the end.
///
/// One owner at a time; a writer that is dropped before `finish` removes what it wrote.
public final class CheckpointWriter {
    private final class File {
        let output: OutputFile
        var hash = SHA256()
        var size = 0

        init(path: String) throws(FileError) { output = try OutputFile(path: path) }

        func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
            try output.write(bytes)
            hash.update(bytes)
            size += bytes.count
        }

        func finish() throws(FileError) -> Manifest.File {
            try output.finish()
            var finished = SHA256()
            swap(&finished, &hash)
            return Manifest.File(size: size, sha256: finished.finalize().hexadecimal)
        }
    }

    /// The number of committed steps that the checkpoint holds.
    public let step: Int
    private let store: CheckpointStore
    private let partial: String
    private var files: [String: File] = [:]
    private var isOpen = true

    init(store: CheckpointStore, step: Int) throws(FileError) {
        self.store = store
        self.step = step
        partial = store.path(CheckpointStore.partialName(step))
        guard mkdir(partial, 0o755) == 0 else { throw FileError(partial, cannot: "be created", code: errno) }
    }

    deinit { abandon() }

    /// Appends `bytes` to the file called `name`, which starts empty.
    ///
    /// - Throws: ``FileError`` when the disk refuses, ``CheckpointError`` for a name that is no plain file name.
    public func append(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
        precondition(isOpen, "a finished checkpoint takes no more bytes")
        guard Manifest.isFileName(name) else {
            throw CheckpointError(partial, "'\(name)' is no name for a file of a checkpoint")
        }
        let file = try files[name] ?? File(path: path(name))
        files[name] = file
        try file.append(bytes)
    }

    /// Appends `bytes`, such as `Data` or `[UInt8]`, to the file called `name`.
    ///
    /// - Throws: As ``append(_:_:)`` for pointers.
    public func append(_ name: String, _ bytes: some ContiguousBytes) throws {
        try bytes.withUnsafeBytes { try append(name, $0) }
    }

    /// Completes the checkpoint: everything reaches the disk before the folder gets its name, and `latest` names it last.
    ///
    /// - Throws: ``FileError`` when the disk refuses; a checkpoint that has no name yet is gone then.
    public func finish() throws -> Checkpoint {
        precondition(isOpen, "a checkpoint is finished once")
        do {
            let manifest = Manifest(step: step, files: try files.mapValues { file in try file.finish() })
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            let output = try OutputFile(path: path(Manifest.name))
            try output.write(encoder.encode(manifest) + Data("\n".utf8))
            try output.finish()
            try AtomicFile.synchronize(folder: partial)
            try store.publish(partial, step: step)
        } catch {
            abandon()
            throw error
        }
        isOpen = false
        return Checkpoint(directory: store.path(CheckpointStore.name(step)), step: step, files: files.keys.sorted())
    }

    /// Removes what was written, for instance because a worker died while it sent.
    ///
    /// Does nothing after `finish`.
    public func abandon() {
        guard isOpen else { return }
        isOpen = false
        files = [:]
        // What cannot be removed now is removed when the store is opened again.
        try? FileManager.default.removeItem(atPath: partial)
    }

    private func path(_ name: String) -> String { (partial as NSString).appendingPathComponent(name) }
}
