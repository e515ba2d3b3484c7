import Foundation
import Hashing

/// A file of records that only grows, for whoever takes over after a crash.
///
/// Each line holds a checksum and a record without line breaks. The checksum covers the record and the checksum before
/// it, so no line can be changed, lost or moved unnoticed. One process at a time owns the file. One owner at a time.
public final class Journal {
    private static let checksumLength = 16

    /// The path.
    public let path: String
    private let descriptor: Int32
    private var checksum: String
    /// Bytes of the file that are known to be good.
    private var length: Int
    private var pending = Data()

    /// Opens the file, creating it when it is missing, and reads its records.
    ///
    /// A last line that was torn by a crash is removed.
    ///
    /// - Returns: The journal and the records in order.
    /// - Throws: ``FileError`` when the disk refuses, ``JournalError`` when another process owns the file or a line is
    ///   damaged.
    public static func open(path: String) throws -> (journal: Journal, records: [Data]) {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(path, cannot: "be opened", code: errno) }
        let journal = Journal(path: path, descriptor: descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw JournalError(path, "belongs to a coordinator that is running; end that one first")
        }
        return (journal, try journal.recover())
    }

    /// The records of the file, which another process may own; a torn last line does not count.
    ///
    /// - Throws: As ``open(path:)``.
    public static func records(path: String) throws -> [Data] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw FileError(path, cannot: "be read", code: ENOENT)
        }
        return try parse(bytes, path: path).records
    }

    private init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
        checksum = ""
        length = 0
    }

    deinit { close(descriptor) }

    /// Takes a record, without line breaks; `synchronize` brings it to the disk.
    public func append(_ record: Data) {
        precondition(!record.contains(UInt8(ascii: "\n")), "a record is one line")
        checksum = Self.checksum(of: record, after: checksum)
        pending += Data("\(checksum) ".utf8) + record + Data("\n".utf8)
    }

    /// Writes what was taken and waits until the disk has it; what could not be written is kept for the next call.
    ///
    /// - Throws: ``FileError`` when the disk refuses.
    public func synchronize() throws(FileError) {
        guard !pending.isEmpty else { return }
        let written = pending.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                if count <= 0 { break }
                done += count
            }
            return done
        }
        guard written == pending.count, fsync(descriptor) == 0 else {
            let code = errno
            // Nothing stays that a reader could take for a damaged line.
            ftruncate(descriptor, off_t(length))
            throw FileError(path, cannot: "be written", code: code)
        }
        length += written
        pending = Data()
    }

    private func recover() throws -> [Data] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw FileError(path, cannot: "be read", code: EIO)
        }
        let parsed = try Self.parse(bytes, path: path)
        if parsed.length < bytes.count, ftruncate(descriptor, off_t(parsed.length)) != 0 {
            throw FileError(path, cannot: "be shortened", code: errno)
        }
        checksum = parsed.checksum
        length = parsed.length
        return parsed.records
    }

    private static func parse(
        _ bytes: Data, path: String
    ) throws(JournalError) -> (records: [Data], checksum: String, length: Int) {
        var records: [Data] = []
        var checksum = ""
        var position = bytes.startIndex
        while let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = bytes[position..<end]
            let record = Data(line.dropFirst(checksumLength + 1))
            let expected = Self.checksum(of: record, after: checksum)
            guard line.prefix(checksumLength + 1) == Data("\(expected) ".utf8) else {
                guard end == bytes.endIndex - 1 else {
                    throw JournalError(
                        path, "is damaged at line \(records.count + 1); restore the file, or start a new run")
                }
                break
            }
            records.append(record)
            checksum = expected
            position = end + 1
        }
        return (records, checksum, position - bytes.startIndex)
    }

    private static func checksum(of record: Data, after previous: String) -> String {
        String(SHA256.hash(Data(previous.utf8) + record).hexadecimal.prefix(checksumLength))
    }
}

/// A journal that cannot be used.
public struct JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// What is wrong.
    public let problem: String

    package init(_ path: String, _ problem: String) {
        self.path = path
        self.problem = problem
    }

    /// One sentence: path and problem.
    public var description: String { "\(path) \(problem)" }
}
