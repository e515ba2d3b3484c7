import Datasets
import Foundation
import Synchronization
import Testing

@Suite("Downloading data sets")
struct DownloadTests {
    /// The archives of UCF-101, for which nobody publishes a checksum, with one file each.
    private static let clips = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * 31 >> 3) }
    private static let files = [
        "UCF101.rar": TarFile.archive([("UCF-101/Archery/v_Archery_g01_c01.avi", clips)]),
        "UCF101TrainTestSplits-RecognitionTask.zip": TarFile.archive([("ucfTrainTestlist/testlist01.txt", [65])]),
    ]

    private static func fetch(_ server: FileServer, name: String = "ucf101", into folder: TemporaryFolder) throws
        -> String
    {
        try DatasetFetch(name, into: folder.path, from: server.address).run { _ in }
    }

    @Test("a download that broke off goes on with the byte that is missing, and then everything is unpacked")
    func resumes() throws {
        let folder = try TemporaryFolder()
        let server = try FileServer(Self.files)
        server.misbehave(.cut(after: 100_000))
        let error = try #require(throws: FetchError.self) { try Self.fetch(server, into: folder) }
        #expect(error.source == server.address + "/UCF101.rar")
        #expect(
            error.problem.hasPrefix("is not loaded: ")
                && error.problem.hasSuffix("; fetch again to go on, or use --from"))
        let part = ".fetching-ucf101/UCF101.rar.part"
        let there = try folder.read(part)
        #expect(!there.isEmpty && there == Array((Self.files["UCF101.rar"] ?? []).prefix(there.count)))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/UCF-101"))

        let counts = Mutex([Int]())
        let own = try DatasetFetch("ucf101", into: folder.path, from: server.address).run { event in
            if case .loading(let file, let done, let total) = event, file == "UCF101.rar" {
                counts.withLock { $0 += [done] }
                #expect(total == Self.files[file]?.count)
            }
        }
        #expect(own == folder.path + "/UCF-101")
        #expect(counts.withLock { $0.allSatisfy { $0 > there.count } && $0.last == Self.files["UCF101.rar"]?.count })
        #expect(try folder.read("UCF-101/Archery/v_Archery_g01_c01.avi") == Self.clips)
        #expect(try folder.read("ucfTrainTestlist/testlist01.txt") == [65])
        #expect(
            server.requests == [
                .init(path: "UCF101.rar", range: nil), .init(path: "UCF101.rar", range: "bytes=\(there.count)-"),
                .init(path: "UCF101TrainTestSplits-RecognitionTask.zip", range: nil),
            ])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                "UCF-101", "ucfTrainTestlist",
            ])
    }

    @Test("a server that sends everything again, or another part, does not spoil the file")
    func toleratesServers() throws {
        let folder = try TemporaryFolder()
        let server = try FileServer(Self.files)
        server.misbehave(.cut(after: 50_000), .shifted(by: 5), .ignoresRange)
        #expect(throws: FetchError.self) { try Self.fetch(server, into: folder) }
        let shifted = try #require(throws: FetchError.self) { try Self.fetch(server, into: folder) }
        #expect(shifted.problem == "the server sends another part than was asked for; fetch from a mirror with --from")
        _ = try Self.fetch(server, into: folder)
        #expect(try folder.read("UCF-101/Archery/v_Archery_g01_c01.avi") == Self.clips)
    }

    @Test("a file with another checksum is removed, so that the next attempt loads it anew")
    func comparesChecksum() throws {
        let folder = try TemporaryFolder()
        let name = "cifar-10-binary.tar.gz"
        let server = try FileServer([name: [1, 2, 3]])
        for _ in 0..<2 {
            let error = try #require(throws: FetchError.self) { try Self.fetch(server, name: "cifar10", into: folder) }
            #expect(error.source == "\(folder.path)/.fetching-cifar10/\(name)")
            #expect(
                error.problem == "its checksum is 5289df737df57326fcdd22597afb1fac where "
                    + "c32a1d4ab5d03f1284b67883e8d87530 was expected; fetch it again or elsewhere")
        }
        #expect(server.requests == [.init(path: name, range: nil), .init(path: name, range: nil)])
    }

    @Test("an archive from the network that would leave the folder is refused, and nothing is unpacked")
    func refusesEscapes() throws {
        let folder = try TemporaryFolder()
        let server = try FileServer(["UCF101.rar": TarFile.archive([("UCF-101/a.avi", [1]), ("../evil.avi", [2])])])
        let error = try #require(throws: FetchError.self) { try Self.fetch(server, into: folder) }
        #expect(error.problem == "holds '../evil.avi', which would leave the folder; nothing is unpacked")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/.fetching-ucf101/unpacked") == [])
    }

    @Test("what a server does not have is an error with its answer")
    func namesMissing() throws {
        let folder = try TemporaryFolder()
        let server = try FileServer([:])
        let error = try #require(throws: FetchError.self) { try Self.fetch(server, into: folder) }
        #expect(
            "\(error)" == "\(server.address)/UCF101.rar: the server answers 404; check the address, or fetch from a "
                + "mirror with --from")
    }
}
