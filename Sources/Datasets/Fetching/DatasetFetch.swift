import Archives
import Foundation
import Hashing

/// Brings a published data set into a folder: downloads, checks, unpacks.
public struct DatasetFetch: Sendable {
    /// What happens at the moment, for whoever watches.
    public enum Event: Sendable, Equatable {
        /// A file is being loaded.
        case loading(file: String, done: Int, total: Int?)
        /// A file is being checked.
        case checking(file: String)
        /// An archive is being unpacked; the path is that of the file in it.
        case unpacking(file: String, path: String)
    }

    private let name: String
    private let source: DatasetSource
    private let folder: String
    private let from: String?

    /// Prepares to fetch the data set called `name` into `folder`, which is made if it is missing.
    ///
    /// - Parameter from: A mirror's address, or a local folder or file; without it the official addresses.
    /// - Throws: ``FetchError`` when the data set is unknown, built in, or not published as files.
    public init(_ name: String, into folder: String, from: String? = nil) throws(FetchError) {
        guard let source = DatasetSource.all[name] else {
            let known = DatasetSource.all.keys.sorted().joined(separator: ", ")
            throw FetchError(source: name, problem: "cannot be fetched; known: \(known)")
        }
        self.name = name
        self.source = source
        self.folder = folder
        self.from = from
    }

    /// Fetches what is not there yet and returns the data set's own folder.
    ///
    /// - Throws: ``FetchError`` when a file cannot be loaded, is not what it should be, or cannot be unpacked.
    public func run(_ report: @escaping @Sendable (Event) -> Void) throws(FetchError) -> String {
        let own = folder + "/" + source.folder
        let work = folder + "/.fetching-" + name
        if FileManager.default.fileExists(atPath: own) { return own }
        let unpacked = work + "/unpacked"
        try make(unpacked)
        for file in source.files {
            let path = try local(file, in: work, report)
            report(.checking(file: file.name))
            try check(file, at: path)
            switch file.use {
            case .unpack:
                do {
                    try Archive.unpack(path, into: unpacked) { report(.unpacking(file: file.name, path: $0)) }
                } catch {
                    throw FetchError(source: error.file, problem: error.problem)
                }
            case .keep:
                try make("\(unpacked)/\(source.folder)")
                try attempt(on: path, "cannot be copied") { () throws in
                    try FileManager.default.copyItem(atPath: path, toPath: "\(unpacked)/\(source.folder)/\(file.name)")
                }
            }
        }
        guard FileManager.default.fileExists(atPath: "\(unpacked)/\(source.folder)") else {
            throw FetchError(source: work, problem: "held no folder '\(source.folder)'; fetch it from another mirror")
        }
        try attempt(on: own, "cannot be put in its place") { () throws in
            for item in try FileManager.default.contentsOfDirectory(atPath: unpacked) {
                try FileManager.default.moveItem(atPath: "\(unpacked)/\(item)", toPath: "\(folder)/\(item)")
            }
            try FileManager.default.removeItem(atPath: work)
        }
        return own
    }

    /// The path of `file` on this host, loaded if it has to be.
    private func local(
        _ file: DatasetSource.File, in work: String, _ report: @escaping @Sendable (Event) -> Void
    ) throws(FetchError) -> String {
        let name = file.name
        let isAddress = from.map { $0.hasPrefix("http://") || $0.hasPrefix("https://") } ?? true
        if let from, !isAddress {
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: from, isDirectory: &isFolder)
            let path = isFolder.boolValue ? from + "/" + name : from
            guard exists, FileManager.default.fileExists(atPath: path) else {
                throw FetchError(source: path, problem: "is not there; --from takes an address, a folder or a file")
            }
            return path
        }
        let path = work + "/" + name
        if !FileManager.default.fileExists(atPath: path) {
            let address = from.map { $0.hasSuffix("/") ? $0 + name : $0 + "/" + name } ?? file.address
            try Download.load(address, to: path) { report(.loading(file: name, done: $0, total: $1)) }
        }
        return path
    }

    private func check(_ file: DatasetSource.File, at path: String) throws(FetchError) {
        let (found, expected): (String, String)
        do {
            if let md5 = file.md5 {
                (found, expected) = (try MD5.hash(file: path), md5)
            } else if let content = source.contents[file.name] {
                (found, expected) = (SHA256.hash(try Archive.decompress(path)).hexadecimal, content)
            } else {
                return
            }
        } catch {
            throw FetchError(source: path, problem: "cannot be checked (\(error)); remove it and fetch again")
        }
        if found == expected { return }
        // A download is removed, so that the next attempt begins anew; what the user gave stays.
        if path.hasPrefix(folder + "/.fetching-") { try? FileManager.default.removeItem(atPath: path) }
        throw FetchError(
            source: path,
            problem: "its checksum is \(found) where \(expected) was expected; fetch it again or elsewhere")
    }

    private func make(_ path: String) throws(FetchError) {
        // What an earlier attempt unpacked may be half of it.
        if path.hasSuffix("/unpacked") { try? FileManager.default.removeItem(atPath: path) }
        try attempt(on: path, "cannot be made") { () throws in
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
    }

    private func attempt(on path: String, _ problem: String, _ body: () throws -> Void) throws(FetchError) {
        do {
            try body()
        } catch {
            throw FetchError(source: path, problem: "\(problem): \(error.localizedDescription)")
        }
    }
}
