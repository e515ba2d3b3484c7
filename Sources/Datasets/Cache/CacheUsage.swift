import Foundation

/// How many bytes a folder of caches holds, in a file that only one process at a time has open.
struct CacheUsage {
    private let folder: String
    private let descriptor: Int32

    /// Opens and locks the count, which begins with what is there.
    init?(_ folder: String) {
        self.folder = folder
        descriptor = open(folder + "/usage", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        // Held for the time of writing one file.
        guard flock(descriptor, LOCK_EX) == 0 else {
            Foundation.close(descriptor)
            return nil
        }
    }

    /// Releases the lock.
    func close() { Foundation.close(descriptor) }

    /// The bytes of all frames.
    var total: Int {
        var text = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &text, text.count, 0)
        guard count > 0, let known = Int(String(decoding: text[..<count], as: UTF8.self)) else { return recount() }
        return known
    }

    /// Counts `bytes` more.
    func add(_ bytes: Int) { set(total + bytes) }

    /// Removes the folders of other data sets, the longest unused first, until at most `bound` bytes are left.
    func remove(others own: String, until bound: Int) {
        let keep = own.split(separator: "/").last.map(String.init)
        let ages = folders().filter { $0 != keep }.map { (name: $0, used: lastUse($0)) }
        for (name, _) in ages.sorted(by: { $0.used < $1.used }) where total > bound {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            _ = recount()
        }
    }

    private func recount() -> Int {
        let bytes = folders().reduce(0) { sum, name in sum + size("\(folder)/\(name)") }
        set(bytes)
        return bytes
    }

    private func set(_ bytes: Int) {
        let text = Array("\(bytes)".utf8)
        ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    private func folders() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // Only what a cache has made: sixteen hexadecimal digits.
        return names.filter { $0.count == 16 && $0.allSatisfy(\.isHexDigit) }
    }

    private func size(_ path: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
            return sum + (attributes?[.size] as? Int ?? 0)
        }
    }

    private func lastUse(_ name: String) -> Date {
        let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
        return attributes?[.modificationDate] as? Date ?? .distantPast
    }
}
