import CArchive
import Foundation

/// Reads compressed files and unpacks archives: gzip, xz, bzip2 and zstd; tar, zip, rar and 7z.
public enum Archive {
    // The kinds of entries as POSIX numbers them; libarchive's own names are macros with casts.
    private static let folderKind: UInt32 = 0o040000
    private static let fileKind: UInt32 = 0o100000

    /// The largest file that is decompressed to memory.
    private static let largestFile = 1 << 30

    /// The content of the compressed file at `path`, which is no archive.
    ///
    /// - Throws: ``ArchiveError`` when it is missing, damaged, truncated, or larger than a gigabyte.
    public static func decompress(_ path: String) throws(ArchiveError) -> [UInt8] {
        let archive = try open(path) { archive in
            archive_read_support_filter_all(archive)
            archive_read_support_format_raw(archive)
        }
        defer { archive_read_free(archive) }
        var entry: OpaquePointer?
        try check(archive_read_next_header(archive, &entry), archive, path)
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = archive_read_data(archive, &chunk, chunk.count)
            if count == 0 { return content }
            if count < 0 { throw ArchiveError(file: path, problem: "cannot be decompressed: \(reason(archive))") }
            content += chunk[..<count]
            if content.count > largestFile {
                throw ArchiveError(file: path, problem: "decompresses to more than \(largestFile) bytes")
            }
        }
    }

    /// Unpacks the archive at `path` into `folder`, which exists.
    ///
    /// Only folders and regular files whose paths stay inside `folder` are written; any other entry is refused before
    /// anything is written.
    ///
    /// - Parameter progress: Called with the path of each file before it is written.
    /// - Throws: ``ArchiveError`` when the archive is damaged, has an unsafe entry, or cannot be written.
    public static func unpack(
        _ path: String, into folder: String, progress: (String) -> Void = { _ in }
    ) throws(ArchiveError) {
        try eachEntry(path) { (_, _) throws(ArchiveError) in }
        let writer = archive_write_disk_new()
        defer { archive_write_free(writer) }
        // The entries were checked; the writer checks again, and also symbolic links that are on the disk already.
        archive_write_disk_set_options(
            writer, ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS)
        try eachEntry(path) { (archive, entry) throws(ArchiveError) in
            let name = String(cString: archive_entry_pathname(entry))
            progress(name)
            archive_entry_set_pathname(entry, folder + "/" + name)
            archive_entry_set_perm(entry, archive_entry_filetype(entry) == folderKind ? 0o755 : 0o644)
            try write(entry, of: archive, to: writer, path)
        }
    }

    private static func write(
        _ entry: OpaquePointer, of archive: OpaquePointer, to writer: OpaquePointer?, _ path: String
    ) throws(ArchiveError) {
        guard let writer else { throw ArchiveError(file: path, problem: "there is no memory to unpack it") }
        try check(archive_write_header(writer, entry), writer, path)
        var block: UnsafeRawPointer?
        var (size, offset) = (0, Int64(0))
        while true {
            let code = archive_read_data_block(archive, &block, &size, &offset)
            if code == ARCHIVE_EOF { break }
            try check(code, archive, path)
            let written = archive_write_data_block(writer, block, size, offset)
            if written < 0 { try check(Int32(written), writer, path) }
        }
        try check(archive_write_finish_entry(writer), writer, path)
    }

    /// Calls `body` for each folder and file of an archive.
    private static func eachEntry(
        _ path: String, _ body: (_ archive: OpaquePointer, _ entry: OpaquePointer) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        let archive = try open(path) { archive in
            archive_read_support_filter_all(archive)
            archive_read_support_format_all(archive)
        }
        defer { archive_read_free(archive) }
        while true {
            var next: OpaquePointer?
            let code = archive_read_next_header(archive, &next)
            if code == ARCHIVE_EOF { return }
            try check(code, archive, path)
            guard let entry = next, let name = archive_entry_pathname(entry).map({ String(cString: $0) }) else {
                throw ArchiveError(file: path, problem: "has an entry without a name")
            }
            try checkSafety(of: entry, named: name, path)
            try body(archive, entry)
        }
    }

    private static func checkSafety(
        of entry: OpaquePointer, named name: String, _ path: String
    ) throws(ArchiveError) {
        let isInside = !name.hasPrefix("/") && !name.split(separator: "/").contains("..")
        guard isInside else {
            throw ArchiveError(
                file: path, problem: "holds '\(name)', which would leave the folder; nothing is unpacked")
        }
        let kind = archive_entry_filetype(entry)
        let isLink = archive_entry_hardlink(entry) != nil
        guard !isLink, kind == fileKind || kind == folderKind else {
            throw ArchiveError(
                file: path, problem: "holds '\(name)', which is neither a file nor a folder; nothing is unpacked")
        }
    }

    private static func open(
        _ path: String, _ configure: (OpaquePointer) -> Void
    ) throws(ArchiveError) -> OpaquePointer {
        guard let archive = archive_read_new() else {
            throw ArchiveError(file: path, problem: "there is no memory to read it")
        }
        configure(archive)
        guard archive_read_open_filename(archive, path, 1 << 18) == ARCHIVE_OK else {
            let problem = "cannot be read: \(reason(archive))"
            archive_read_free(archive)
            throw ArchiveError(file: path, problem: problem)
        }
        return archive
    }

    private static func check(
        _ code: Int32, _ archive: OpaquePointer, _ path: String
    ) throws(ArchiveError) {
        if code >= ARCHIVE_WARN { return }
        throw ArchiveError(file: path, problem: "cannot be unpacked: \(reason(archive))")
    }

    private static func reason(_ archive: OpaquePointer) -> String {
        archive_error_string(archive).map { String(cString: $0) } ?? "the archive ends early"
    }
}
