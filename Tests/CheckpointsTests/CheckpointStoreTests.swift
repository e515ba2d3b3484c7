import Checkpoints
import Foundation
import Hashing
import Testing

@Suite("The checkpoint store")
struct CheckpointStoreTests {
    @discardableResult
    private func save(_ step: Int, in store: CheckpointStore, _ text: String = "weights") throws -> Checkpoint {
        let writer = try store.begin(step: step)
        for byte in "\(text) \(step)".utf8 { try writer.append("model.safetensors", [byte]) }
        try writer.append("state.json", Data("{}".utf8))
        return try writer.finish()
    }

    private func newest(_ store: CheckpointStore) throws -> (step: Int?, lines: [String]) {
        var lines: [String] = []
        let step = try store.newest { lines.append($0) }?.step
        return (step, lines)
    }

    @Test("a checkpoint appears complete, with latest and a manifest that verifies")
    func complete() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.file("checkpoints"), keep: 3)
        #expect(try newest(store).step == nil)
        let saved = try save(7, in: store)
        #expect(saved == (try Checkpoint.open(folder.file("checkpoints/step-7"))))
        #expect(saved.files == ["model.safetensors", "state.json"])
        #expect(try folder.read("checkpoints/latest") == Data("step-7\n".utf8))
        #expect(try String(decoding: folder.read("checkpoints/step-7/model.safetensors"), as: UTF8.self) == "weights 7")
        let hash = SHA256.hash("weights 7")
        let manifest = try String(decoding: folder.read("checkpoints/step-7/manifest.json"), as: UTF8.self)
        #expect(manifest.contains("\"sha256\" : \"\(hash)\""))
        let (step, lines) = try newest(store)
        #expect(step == 7 && lines.isEmpty)
    }

    @Test("the newest are kept, and what lies ahead of a new one is void")
    func retention() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.path, keep: 2)
        for step in [5, 10, 15] { try save(step, in: store) }
        #expect(folder.names == ["latest", "step-10", "step-15"])
        try save(10, in: store, "again")
        #expect(folder.names == ["latest", "step-10"])
        #expect(try String(decoding: folder.read("step-10/model.safetensors"), as: UTF8.self) == "again 10")
        #expect(try folder.read("latest") == Data("step-10\n".utf8))
    }

    @Test("a damaged checkpoint is refused with its reason and the one before is taken")
    func damage() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.path, keep: 9)
        for step in 1...6 { try save(step, in: store) }
        try folder.write("step-6/model.safetensors", "weights x")
        try folder.write("step-5/model.safetensors", "weights")
        try FileManager.default.removeItem(atPath: folder.file("step-4/state.json"))
        try folder.write("step-3/manifest.json", "{\"version\":1")
        try FileManager.default.removeItem(atPath: folder.file("step-2/manifest.json"))
        let (step, lines) = try newest(store)
        #expect(step == 1)
        func line(_ step: Int, _ rest: String) -> String {
            let path = folder.file("step-\(step)")
            return "checkpoint \(path) refused: \(path)\(rest)"
        }
        #expect(
            lines == [
                line(6, "/model.safetensors: does not have the SHA-256 of the manifest; it is damaged"),
                line(5, "/model.safetensors: has 7 bytes, but the manifest says 9; it is damaged"),
                line(4, "/state.json: No such file or directory, but the manifest lists it"),
                line(3, "/manifest.json: is damaged; use another checkpoint"),
                line(2, "/manifest.json: cannot be read; \(folder.file("step-2")) is no complete checkpoint"),
            ])
    }

    @Test("a manifest of another step, another version or with a path is refused")
    func foreignManifests() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.path, keep: 9)
        try save(1, in: store)
        try FileManager.default.copyItem(atPath: folder.file("step-1"), toPath: folder.file("step-2"))
        let refusal = "checkpoint \(folder.file("step-2")) refused: its manifest is that of step 1"
        #expect(try newest(store).lines == [refusal])
        try folder.write("step-2/manifest.json", #"{"version":2,"step":2,"files":{}}"#)
        let path = folder.file("step-2/manifest.json")
        #expect(throws: CheckpointError(path, "has version 2, but this program reads version 1")) {
            try Checkpoint.open(folder.file("step-2"))
        }
        try folder.write(
            "step-2/manifest.json", #"{"version":1,"step":2,"files":{"../latest":{"size":7,"sha256":""}}}"#)
        #expect(throws: CheckpointError(path, "lists '../latest', which is no plain file name")) {
            try Checkpoint.open(folder.file("step-2"))
        }
    }

    @Test("what is abandoned, dropped or left by a crash leaves nothing behind")
    func partials() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.path, keep: 1)
        var writer: CheckpointWriter? = try store.begin(step: 1)
        try writer?.append("model.safetensors", [1, 2, 3] as [UInt8])
        #expect(folder.names == [".step-1.partial"])
        #expect(throws: FileError(folder.file(".step-1.partial"), cannot: "be created", code: EEXIST)) {
            try store.begin(step: 1)
        }
        writer?.abandon()
        #expect(folder.names.isEmpty)
        writer = try store.begin(step: 2)
        writer = nil
        #expect(folder.names.isEmpty)

        try FileManager.default.createDirectory(
            atPath: folder.file(".step-3.partial/deep"), withIntermediateDirectories: true)
        try folder.write(".latest.1234.partial", "step-3\n")
        try folder.write("notes.txt", "kept")
        _ = try CheckpointStore(directory: folder.path, keep: 1)
        #expect(folder.names == ["notes.txt"])
    }

    @Test("a file of a checkpoint has a plain name", arguments: ["", "../a", "a/b", ".hidden", "manifest.json"])
    func names(name: String) throws {
        let folder = try Folder()
        let writer = try CheckpointStore(directory: folder.path, keep: 1).begin(step: 1)
        #expect(
            throws: CheckpointError(folder.file(".step-1.partial"), "'\(name)' is no name for a file of a checkpoint")
        ) { try writer.append(name, [1] as [UInt8]) }
    }

    @Test("a checkpoint of a step that folders of other names resemble is not mistaken")
    func listing() throws {
        let folder = try Folder()
        let store = try CheckpointStore(directory: folder.path, keep: 9)
        for name in ["step-010", "step-x", "step-", "step--1"] { try folder.write(name, "") }
        try save(2, in: store)
        try save(10, in: store)
        #expect(try store.steps().filter { $0 >= 0 } == [2, 10])
        #expect(try newest(store).step == 10)
    }
}

@Suite("Atomic files")
struct AtomicFileTests {
    private struct Refusal: Error {}

    @Test("a file is replaced as a whole or not at all")
    func replaces() throws {
        let folder = try Folder()
        try AtomicFile.write(folder.file("a"), Data("one".utf8))
        try AtomicFile.write(folder.file("a"), Data("two".utf8))
        #expect(try folder.read("a") == Data("two".utf8))
        #expect(throws: Refusal.self) {
            try AtomicFile.write(folder.file("a")) { file in
                try file.write(Data("thr".utf8))
                throw Refusal()
            }
        }
        #expect(try folder.read("a") == Data("two".utf8))
        #expect(folder.names == ["a"])
    }

    @Test("a target that cannot be replaced leaves no temporary file")
    func refusedTarget() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: folder.file("a"), withIntermediateDirectories: true)
        #expect(throws: FileError(folder.file("a"), cannot: "be replaced", code: EISDIR)) {
            try AtomicFile.write(folder.file("a"), Data("one".utf8))
        }
        #expect(folder.names == ["a"])
        #expect(throws: FileError.self) { try AtomicFile.write(folder.file("b/c"), Data()) }
    }

    @Test("an error names the path, the cause and the remedy")
    func errors() {
        #expect(
            FileError("/a/b", cannot: "be written", code: ENOSPC).description
                == "/a/b: cannot be written: No space left on device; free space on the disk or choose another folder")
        #expect(
            FileError("/a/b", cannot: "be created", code: EROFS).description
                == "/a/b: cannot be created: Read-only file system; choose a folder on a disk that is not read-only")
    }
}
