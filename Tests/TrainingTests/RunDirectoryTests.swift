import Foundation
import Testing
import Training

@Suite("Run directory")
struct RunDirectoryTests {
    @Test("is named by run and time, with a number when the name is taken")
    func names() throws {
        let folder = try TemporaryFolder()
        let parent = folder.path + "/a/b"
        let date = Date(timeIntervalSince1970: 1_700_000_000)
        let directories = try (0..<3).map { _ in try RunDirectory(creatingIn: parent, name: "shapes", at: date) }
        let stem = directories[0].id
        #expect(stem.wholeMatch(of: /shapes-2023111[45]-\d{4}20/) != nil, "\(stem)")
        #expect(directories.map(\.id) == [stem, "\(stem)-2", "\(stem)-3"])
        #expect(directories.map(\.path) == directories.map { "\(parent)/\($0.id)" })
        for directory in directories {
            var isFolder: ObjCBool = false
            #expect(
                FileManager.default.fileExists(atPath: directory.logs, isDirectory: &isFolder) && isFolder.boolValue)
        }
        #expect(directories[1].workerLog(7) == "\(parent)/\(stem)-2/logs/worker-7.log")
        #expect(directories[0].checkpoints == "\(parent)/\(stem)/checkpoints")
    }

    @Test("of runs that start at the same moment is never shared")
    func race() async throws {
        let folder = try TemporaryFolder()
        let date = Date(timeIntervalSince1970: 1_700_000_000)
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 {
                group.addTask { try RunDirectory(creatingIn: folder.path, name: "run", at: date).id }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(ids).count == 16)
    }

    @Test("that cannot be made is an error that names the path, the cause and the key")
    func impossible() throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "file")
        let parent = folder.path + "/file"
        do {
            _ = try RunDirectory(creatingIn: parent, name: "run")
            Issue.record("a directory inside a file")
        } catch {
            #expect("\(error)".hasPrefix("the run's directory \(parent)"), "\(error)")
            #expect("\(error)".hasSuffix("; set run.directory to a folder that can be written"), "\(error)")
        }
    }

    @Test("files are written complete, with keys in snake case and in order")
    func files() throws {
        struct Record: Encodable {
            let secondWord = 1
            let path = "a/b"
        }
        let folder = try TemporaryFolder()
        let directory = try RunDirectory(creatingIn: folder.path, name: "run")
        try directory.write(Record(), to: "record.json")
        #expect(
            try folder.text("\(directory.id)/record.json") == "{\n  \"path\" : \"a/b\",\n  \"second_word\" : 1\n}\n")
    }
}
