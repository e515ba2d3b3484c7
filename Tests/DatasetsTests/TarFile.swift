/// Tar archives for tests, with entries that no good one has.
enum TarFile {
    /// A tar archive of files; a name that ends in `@` is a symbolic link to its content.
    static func archive(_ files: [(name: String, content: [UInt8])]) -> [UInt8] {
        var archive: [UInt8] = []
        for (name, content) in files {
            let isLink = name.hasSuffix("@")
            var header = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, at place: Int) {
                for (offset, byte) in text.utf8.enumerated() { header[place + offset] = byte }
            }
            func octal(_ number: Int, _ digits: Int) -> String {
                let text = String(number, radix: 8)
                return String(repeating: "0", count: digits - text.count) + text
            }
            put(isLink ? String(name.dropLast()) : name, at: 0)
            put("0000644", at: 100)
            put(octal(isLink ? 0 : content.count, 11), at: 124)
            put(octal(0, 11), at: 136)
            put("        ", at: 148)
            put(isLink ? "2" : "0", at: 156)
            if isLink { put(String(decoding: content, as: UTF8.self), at: 157) }
            put("ustar", at: 257)
            put("00", at: 263)
            put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
            header[154] = 0
            archive += header
            if isLink { continue }
            archive += content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
        }
        return archive + [UInt8](repeating: 0, count: 1024)
    }
}
