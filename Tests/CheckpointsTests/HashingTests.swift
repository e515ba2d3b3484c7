import Foundation
import Hashing
import Testing

@Suite("Hashing")
struct HashingTests {
    @Test("the digests are those of the standard's examples")
    func examples() {
        #expect(
            SHA256.hash("").hexadecimal == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            SHA256.hash("abc").hexadecimal == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("pieces of any size give the digest of the whole")
    func pieces() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for size in [1, 63, 64, 65, 1000] {
            var hash = SHA256()
            bytes.withUnsafeBytes { all in
                for start in stride(from: 0, to: all.count, by: size) {
                    hash.update(UnsafeRawBufferPointer(rebasing: all[start..<min(start + size, all.count)]))
                }
            }
            #expect(hash.finalize() == SHA256.hash(bytes))
        }
    }

    @Test("a file has the digest and the size of its bytes")
    func files() throws {
        let folder = try Folder()
        let bytes = Data((0..<(1 << 20) + 17).map { UInt8(truncatingIfNeeded: $0) })
        try bytes.write(to: URL(fileURLWithPath: folder.file("a")))
        let (digest, size) = try SHA256.hash(file: folder.file("a"))
        #expect(digest == SHA256.hash(bytes))
        #expect(size == bytes.count)
        do {
            _ = try SHA256.hash(file: folder.file("b"))
            Issue.record("no error")
        } catch {
            #expect(
                error.description == "\(folder.file("b")): cannot be read to verify its contents: "
                    + "No such file or directory; check the path and its permissions")
        }
    }

    @Test("a digest reads back from its digits and from nothing else")
    func digits() {
        let digest = SHA256.hash("abc")
        #expect(Digest(hexadecimal: digest.hexadecimal) == digest)
        #expect(Digest(hexadecimal: digest.hexadecimal.uppercased()) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(Digest(hexadecimal: String(digest.hexadecimal.dropLast())) == nil)
        #expect(Digest(hexadecimal: String(digest.hexadecimal.dropLast()) + "g") == nil)
    }
}
