import Foundation
import Hashing
import Synchronization

/// Decoded frames on the disk, so that a file is decoded once and then read at the speed of memory.
///
/// Each sample is a file of its own with a checksum, written under another name and renamed, and read through a memory
/// map; the workers of a host share it. The folder never grows beyond its limit: what does not fit is decoded each time,
/// after the frames of other data sets have made room, the longest unused first. Everything in the folder may be deleted
/// at any time.
final class FrameCache: Sendable {
    /// Raised whenever the files' layout changes.
    static let version = 1

    private let folder: String
    private let own: String
    private let limit: Int
    private struct State {
        var isFull = false
        var verified: Set<String> = []
    }
    private let state = Mutex(State())

    /// Opens the cache in `folder` for samples of the data set and decoding that `key` names.
    ///
    /// - Throws: When the folder cannot be made.
    init(_ folder: String, key: String, limit: Int) throws(DatasetError) {
        self.folder = folder
        self.limit = limit
        own = folder + "/" + key
        do {
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
            // The time of the last use decides who makes room.
            try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: own)
        } catch {
            throw DatasetError(
                file: own, problem: "the folder for decoded frames cannot be made",
                remedy: "set data.media.cache to a folder that can be written, or to null")
        }
    }

    /// Calls `use` with the `byteCount` bytes of `sample`, from the disk if they are there, else from `decode`.
    ///
    /// - Throws: What `decode` throws.
    func withFrames<Failure: Error>(
        _ sample: String, byteCount: Int,
        decode: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Void,
        use: (UnsafeBufferPointer<UInt8>) -> Void
    ) throws(Failure) {
        let path = "\(own)/\(sample).frames"
        if let map = FrameFile(path, byteCount: byteCount) {
            let isKnown = state.withLock { $0.verified.contains(sample) }
            if isKnown || map.isIntact {
                if !isKnown { state.withLock { _ = $0.verified.insert(sample) } }
                return use(map.frames)
            }
            unlink(path)
        }
        let frames = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: byteCount)
        defer { frames.deallocate() }
        try decode(frames)
        store(UnsafeBufferPointer(frames), at: path)
        use(UnsafeBufferPointer(frames))
    }

    private func store(_ frames: UnsafeBufferPointer<UInt8>, at path: String) {
        let bytes = FrameFile.headerBytes + frames.count
        guard !state.withLock({ $0.isFull }), bytes <= limit else { return }
        guard let usage = CacheUsage(folder) else { return }
        // The lock is held until the file is counted: workers of a host share the limit.
        defer { usage.close() }
        if usage.total + bytes > limit { usage.remove(others: own, until: limit - bytes) }
        guard usage.total + bytes <= limit else { return state.withLock { $0.isFull = true } }
        if FrameFile.write(frames, to: path) { usage.add(bytes) }
    }
}
