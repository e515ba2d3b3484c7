import Checkpoints
import Foundation
import Testing

@Suite("Journal")
struct JournalTests {
    private func lines(_ path: String) throws -> [String] {
        try Journal.records(path: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private func write(_ records: [String], to path: String) throws {
        let journal = try Journal.open(path: path).journal
        for record in records { journal.append(Data(record.utf8)) }
        try journal.synchronize()
    }

    @Test("gives back its records, also those of several owners one after the other")
    func grows() throws {
        let folder = try Folder()
        let path = folder.path + "/journal"
        try write(["one", "two"], to: path)
        try write(["three"], to: path)
        #expect(try lines(path) == ["one", "two", "three"])
        #expect(try Journal.open(path: path).records.count == 3)
    }

    @Test("what was not synchronised is not there")
    func buffered() throws {
        let folder = try Folder()
        let path = folder.path + "/journal"
        let journal = try Journal.open(path: path).journal
        journal.append(Data("one".utf8))
        #expect(try lines(path) == [])
        try journal.synchronize()
        #expect(try lines(path) == ["one"])
    }

    @Test("cut off at any byte it holds the records before the cut, and grows on from there")
    func torn() throws {
        let folder = try Folder()
        let path = folder.path + "/journal"
        try write(["first", "second", "third"], to: path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        for cut in 0...whole.count {
            try whole.prefix(cut).write(to: URL(fileURLWithPath: path))
            let complete = ends.filter { $0 <= cut }.count
            #expect(try Journal.open(path: path).records.count == complete, "cut at \(cut)")
            try write(["more"], to: path)
            #expect(
                try lines(path) == Array(["first", "second", "third"].prefix(complete)) + ["more"], "cut at \(cut)")
        }
    }

    @Test("a flipped bit in any line but the last is refused with file and line; in the last one it counts as torn")
    func flipped() throws {
        let folder = try Folder()
        let path = folder.path + "/journal"
        try write(["first", "second", "third"], to: path)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let first = try #require(whole.firstIndex(of: UInt8(ascii: "\n")))
        for place in [0, 20, first - 1] {
            var damaged = whole
            damaged[place] ^= 1
            try damaged.write(to: URL(fileURLWithPath: path))
            #expect {
                try Journal.open(path: path)
            } throws: {
                "\($0)" == "\(path) is damaged at line 1; restore the file, or start a new run"
            }
        }
        var damaged = whole
        damaged[whole.count - 2] ^= 1
        try damaged.write(to: URL(fileURLWithPath: path))
        #expect(try lines(path) == ["first", "second"])
    }

    @Test("has one owner at a time")
    func owner() throws {
        let folder = try Folder()
        let path = folder.path + "/journal"
        let first = try Journal.open(path: path)
        #expect {
            try Journal.open(path: path)
        } throws: {
            "\($0)" == "\(path) belongs to a coordinator that is running; end that one first"
        }
        withExtendedLifetime(first) {}
    }
}
