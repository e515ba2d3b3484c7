import Foundation
import Hashing

/// A file of records of one size, each with its label in one byte; read record by record from any thread.
///
/// Records are read with `pread`: the page cache is shared by all workers of a host, and a file that shrinks under a run
/// is an error here, where a memory map would end the process.
final class RecordFile: Sendable {
    /// The file's path.
    let path: String
    private let layout: RecordLayout
    private let remedy: String
    private let descriptor: Int32

    /// Opens the file at `path`, which must have exactly `records` records, and adds its bytes to `hash`.
    ///
    /// - Throws: When the file is missing, too short, too long, or has a label that is no class.
    init(
        path: String, records: Int, layout: RecordLayout, remedy: String, hash: inout SHA256
    ) throws(DatasetError) {
        self.path = path
        self.layout = layout
        self.remedy = remedy
        descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            throw DatasetError(file: path, problem: "cannot be opened: \(Self.reason(errno))", remedy: remedy)
        }
        try checkSize(records: records)
        try checkLabels(records: records, hash: &hash)
    }

    deinit { close(descriptor) }

    /// Reads record `index` into `record`, which has the layout's size.
    func read(_ index: Int, into record: UnsafeMutableRawBufferPointer) throws(DatasetError) {
        try read(at: index * layout.bytes, into: record)
    }

    private func checkSize(records: Int) throws(DatasetError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw DatasetError(file: path, problem: "its size is unknown: \(Self.reason(errno))", remedy: remedy)
        }
        let expected = records * layout.bytes
        let size = Int(status.st_size)
        if size == expected { return }
        throw DatasetError(
            file: path, offset: min(size, expected),
            problem: (size < expected ? "the file ends after \(size) bytes" : "the file goes on to \(size) bytes")
                + " where \(expected) were expected (\(records) records of \(layout.bytes))", remedy: remedy)
    }

    /// Reads the whole file once: hashes it and looks at every label.
    private func checkLabels(records: Int, hash: inout SHA256) throws(DatasetError) {
        // 256 records are below one MiB: few calls, and what was read is still in the cache when it is hashed.
        var chunk = [UInt8](repeating: 0, count: 256 * layout.bytes)
        for first in stride(from: 0, to: records, by: 256) {
            let count = min(256, records - first)
            var failure: DatasetError?
            chunk.withUnsafeMutableBytes { whole in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: whole[..<(count * layout.bytes)])
                do throws(DatasetError) {
                    try read(at: first * layout.bytes, into: bytes)
                    hash.update(UnsafeRawBufferPointer(bytes))
                    for record in 0..<count { try checkLabel(bytes, record: record, firstRecord: first) }
                } catch {
                    failure = error
                }
            }
            if let failure { throw failure }
        }
    }

    private func checkLabel(
        _ bytes: UnsafeMutableRawBufferPointer, record: Int, firstRecord: Int
    ) throws(DatasetError) {
        let label = Int(bytes[record * layout.bytes + layout.labelOffset])
        if label < layout.classes { return }
        throw DatasetError(
            file: path, offset: (firstRecord + record) * layout.bytes + layout.labelOffset,
            problem:
                "the label of record \(firstRecord + record) is \(label) where 0...\(layout.classes - 1) was expected",
            remedy: remedy)
    }

    private func read(at offset: Int, into bytes: UnsafeMutableRawBufferPointer) throws(DatasetError) {
        var done = 0
        while done < bytes.count {
            let got = pread(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, offset + done)
            if got > 0 {
                done += got
            } else if got == 0 {
                throw DatasetError(
                    file: path, offset: offset + done,
                    problem: "the file ends where \(bytes.count - done) more bytes were expected", remedy: remedy)
            } else if errno != EINTR {
                throw DatasetError(
                    file: path, offset: offset + done, problem: "cannot be read: \(Self.reason(errno))", remedy: remedy)
            }
        }
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Where a record of a CIFAR file holds what.
struct RecordLayout: Sendable {
    /// The number of label bytes in front of the pixels.
    let labelBytes: Int
    /// Which of them is the label.
    let labelOffset: Int
    /// The number of classes; a label is below.
    let classes: Int
    /// The bytes of the pixels, three planes of 32 × 32.
    static let pixelBytes = 3 * 32 * 32
    /// The bytes of a record.
    var bytes: Int { labelBytes + Self.pixelBytes }
}
