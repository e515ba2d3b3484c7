import Archives
import Datasets
import Foundation
import Testing

@Suite("Fetching data sets")
struct FetchTests {
    @Test("an archive is unpacked, folders included")
    func unpacks() throws {
        let folder = try TemporaryFolder()
        try folder.write(TarFile.archive([("set/a.bin", [1, 2, 3]), ("set/deep/b.bin", [])]), to: "set.tar")
        let target = folder.path + "/target"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        try Archive.unpack(folder.path + "/set.tar", into: target)
        #expect(try folder.read("target/set/a.bin") == [1, 2, 3])
        #expect(try folder.read("target/set/deep/b.bin") == [])
    }

    @Test(
        "an archive with an entry that would leave the folder is refused before anything is written",
        arguments: [
            ("../evil", "holds '../evil', which would leave the folder; nothing is unpacked"),
            ("/tmp/evil", "holds '/tmp/evil', which would leave the folder; nothing is unpacked"),
            ("set/../../evil", "holds 'set/../../evil', which would leave the folder; nothing is unpacked"),
            ("set/link@", "holds 'set/link', which is neither a file nor a folder; nothing is unpacked"),
        ])
    func refusesEscapes(name: String, problem: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(TarFile.archive([("set/good", [1]), (name, Array("/etc".utf8))]), to: "set.tar")
        let target = folder.path + "/target"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        let error = try #require(throws: ArchiveError.self) {
            try Archive.unpack(folder.path + "/set.tar", into: target)
        }
        #expect(error.problem == problem)
        #expect(try FileManager.default.contentsOfDirectory(atPath: target).isEmpty)
    }

    @Test("a truncated archive and a file that is none are named")
    func namesDamage() throws {
        let folder = try TemporaryFolder()
        let whole = TarFile.archive([("set/a", [UInt8](repeating: 7, count: 5000))])
        for bytes in [Array(whole[..<2000]), Array("no archive at all".utf8)] {
            try folder.write(bytes, to: "set.tar")
            let error = try #require(throws: ArchiveError.self) {
                try Archive.unpack(folder.path + "/set.tar", into: folder.path)
            }
            #expect(error.file == folder.path + "/set.tar" && error.problem.hasPrefix("cannot be "))
        }
    }

    @Test("an unknown data set, a missing and a wrong local file are refused with the reason")
    func refuses() throws {
        let folder = try TemporaryFolder()
        let unknown = try #require(throws: FetchError.self) { _ = try DatasetFetch("shapes", into: folder.path) }
        #expect("\(unknown)" == "shapes: cannot be fetched; known: cifar10, cifar100, fashion_mnist, ucf101")
        let missing = try #require(throws: FetchError.self) {
            _ = try DatasetFetch("cifar10", into: folder.path, from: folder.path).run { _ in }
        }
        #expect(
            "\(missing)" == "\(folder.path)/cifar-10-binary.tar.gz: is not there; "
                + "--from takes an address, a folder or a file")
        try folder.write([1, 2, 3], to: "cifar-10-binary.tar.gz")
        let wrong = try #require(throws: FetchError.self) {
            _ = try DatasetFetch("cifar10", into: folder.path, from: folder.path).run { _ in }
        }
        #expect(
            wrong.problem == "its checksum is 5289df737df57326fcdd22597afb1fac where "
                + "c32a1d4ab5d03f1284b67883e8d87530 was expected; fetch it again or elsewhere")
        #expect(FileManager.default.fileExists(atPath: folder.path + "/cifar-10-binary.tar.gz"))
    }

    @Test("an address that nobody serves is an error that says how to go on")
    func namesDeadServer() throws {
        let folder = try TemporaryFolder()
        let error = try #require(throws: FetchError.self) {
            _ = try DatasetFetch("cifar10", into: folder.path, from: "http://127.0.0.1:9").run { _ in }
        }
        #expect(error.source == "http://127.0.0.1:9/cifar-10-binary.tar.gz")
        #expect(
            error.problem.hasPrefix("is not loaded: ") && error.problem.hasSuffix("fetch again to go on, or use --from")
        )
    }
}

@Suite("Inspecting data sets")
struct InspectionTests {
    @Test("a report counts samples by class and split and names what is broken")
    func reports() throws {
        let folder = try TemporaryFolder()
        let picture = [UInt8](try Data(contentsOf: URL(fileURLWithPath: PixelFixture.path("picture.png"))))
        for index in 0..<5 { try folder.write(picture, to: "a/\(index).png") }
        for index in 0..<5 { try folder.write(index == 3 ? [] : picture, to: "b/\(index).png") }
        let configuration = try DatasetDetection.configuration(at: folder.path)
        #expect(configuration.name == "image_folder")
        let dataset = try DatasetCatalog.open(configuration, environmentPath: nil)
        let report = DatasetReport(dataset)
        #expect(report.counts == [.train: [4, 3], .test: [1, 1]])
        #expect(report.faults.map { "\($0)".contains("b/3.png: the file is empty") } == [true])
        let sheet = ContactSheet(dataset, columns: 4)
        #expect(sheet.width == 4 * 66 + 2 && sheet.height == 2 * 66 + 2)
        try sheet.write(to: folder.path + "/sheet.png")
        #expect(try folder.read("sheet.png").count > 100)
    }

    @Test("built-in sets, own folders and folders around them are found, and nothing else")
    func detects() throws {
        #expect(try DatasetDetection.configuration(at: "moving_shapes").name == "moving_shapes")
        let folder = try TemporaryFolder()
        try folder.write([1], to: "fashion-mnist/x")
        for path in [folder.path, folder.path + "/fashion-mnist/"] {
            let found = try DatasetDetection.configuration(at: path)
            #expect(found.name == "fashion_mnist")
            #expect(found.folder(environmentPath: nil).hasSuffix(URL(fileURLWithPath: folder.path).lastPathComponent))
        }
        let empty = try TemporaryFolder()
        let error = try #require(throws: DatasetError.self) {
            _ = try DatasetDetection.configuration(at: empty.path)
        }
        #expect(error.problem == "holds no data set that is known")
    }
}
