import Foundation

/// The files of a folder of classes, in two splits.
///
/// Which file belongs to which split says, in this order: an `index.csv`; `trainlist01.txt` and `testlist01.txt` as
/// UCF-101 publishes them; folders `train` and `test` (or `val`) with the classes in them; else each fifth file of a
/// class, in the order of names, is for testing.
///
/// - Determinism: everything is in the order of names, byte by byte.
struct FolderListing: Sendable, Equatable {
    /// One file.
    struct File: Sendable, Equatable {
        /// The path below the root.
        let path: String
        /// The class as an index of `classes`.
        let label: Int
    }

    /// The names of the classes.
    let classes: [String]
    /// The files to learn from.
    let train: [File]
    /// The files to judge by.
    let test: [File]

    /// Lists the folder at `root`; only files whose names end in one of `endings` count.
    ///
    /// - Throws: When the folder or a list in it cannot be read, or a split has no file.
    init(_ root: String, endings: Set<String>) throws(DatasetError) {
        let entries: [(split: Split, name: String, path: String)]
        if FileManager.default.fileExists(atPath: root + "/index.csv") {
            entries = try SplitIndex.read(root + "/index.csv")
        } else if let folder = Self.listFolder(root) {
            entries =
                try SplitList.read(folder + "/trainlist01.txt", .train)
                + SplitList.read(folder + "/testlist01.txt", .test)
        } else {
            entries = try Self.scan(root, endings: endings)
        }
        let names = Set(entries.map(\.name)).sorted(by: Self.isBefore)
        let labels = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
        classes = names
        func files(_ split: Split) -> [File] {
            entries.filter { $0.split == split }.map { File(path: $0.path, label: labels[$0.name] ?? 0) }
        }
        (train, test) = (files(.train), files(.test))
        for split in Split.allCases where !entries.contains(where: { $0.split == split }) {
            let kinds = endings.sorted().joined(separator: ", ")
            throw DatasetError(
                file: root, problem: "holds no \(split) files; looked for \(kinds) in folders named after classes",
                remedy: "make a folder for each class, inside 'train' and 'test' or at the top")
        }
    }

    /// The files of `split`.
    func files(_ split: Split) -> [File] { split == .train ? train : test }

    /// Where UCF-101's lists lie, if they are there: in the folder, or in `ucfTrainTestlist` in it or beside it.
    private static func listFolder(_ root: String) -> String? {
        [root, root + "/ucfTrainTestlist", root + "/../ucfTrainTestlist"].first {
            FileManager.default.fileExists(atPath: $0 + "/trainlist01.txt")
        }
    }

    private static func scan(
        _ root: String, endings: Set<String>
    ) throws(DatasetError) -> [(split: Split, name: String, path: String)] {
        let tops = try folders(root)
        if tops.contains("train"), let test = ["test", "val"].first(where: tops.contains) {
            var entries: [(split: Split, name: String, path: String)] = []
            for (split, part) in [(Split.train, "train"), (.test, test)] {
                for name in try folders(root + "/" + part) {
                    let own = "\(part)/\(name)"
                    entries += try files(root, own, endings).map { (split: split, name: name, path: $0) }
                }
            }
            return entries
        }
        var entries: [(split: Split, name: String, path: String)] = []
        for name in tops {
            for (place, path) in try files(root, name, endings).enumerated() {
                entries.append((split: place % 5 == 4 ? .test : .train, name: name, path: path))
            }
        }
        return entries
    }

    /// The visible folders in a folder, in order.
    private static func folders(_ path: String) throws(DatasetError) -> [String] {
        try names(path).filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder)
                && isFolder.boolValue
        }
    }

    /// The paths below `root` of the files in its folder `folder`, in order.
    private static func files(
        _ root: String, _ folder: String, _ endings: Set<String>
    ) throws(DatasetError) -> [String] {
        try names(root + "/" + folder).filter { name in
            guard let dot = name.lastIndex(of: ".") else { return false }
            return endings.contains(name[name.index(after: dot)...].lowercased())
        }.map { folder + "/" + $0 }
    }

    private static func names(_ path: String) throws(DatasetError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
                .sorted(by: isBefore)
        } catch {
            throw DatasetError(
                file: path, problem: "is no folder that can be read",
                remedy: "set data.path to the folder that holds the folders of the classes")
        }
    }

    private static func isBefore(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
