import Foundation

/// A list of files for one split as UCF-101 publishes it: a line for each file, its class in front of the slash.
enum SplitList {
    /// Reads the list at `path`.
    ///
    /// - Throws: When it cannot be read or has a line of another form.
    static func read(
        _ path: String, _ split: Split
    ) throws(DatasetError) -> [(split: Split, name: String, path: String)] {
        var entries: [(split: Split, name: String, path: String)] = []
        for (number, line) in try SplitIndex.lines(path) {
            // A training list has the number of the class behind the path.
            let file = line.split(separator: " ").first.map(String.init) ?? ""
            let parts = file.split(separator: "/")
            guard parts.count == 2 else {
                throw DatasetError(
                    file: path, problem: "line \(number) is '\(line)' where Class/file was expected",
                    remedy: "take the lists that the data set's authors publish")
            }
            entries.append((split: split, name: String(parts[0]), path: file))
        }
        return entries
    }
}

/// A table of files: a CSV file with the columns `path`, `class` and `split` (or one that begins with `split_`).
enum SplitIndex {
    /// Reads the table at `path`.
    ///
    /// - Throws: When it cannot be read, lacks a column, or has a line of another form.
    static func read(_ path: String) throws(DatasetError) -> [(split: Split, name: String, path: String)] {
        let lines = try lines(path)
        let header = lines.first.map { fields($0.text) } ?? []
        let splitColumn = header.firstIndex { $0 == "split" } ?? header.firstIndex { $0.hasPrefix("split_") }
        guard let file = header.firstIndex(of: "path"), let name = header.firstIndex(of: "class"), let splitColumn
        else {
            throw DatasetError(
                file: path, problem: "its first line is '\(header.joined(separator: ","))'",
                remedy: "it must name the columns path, class and split")
        }
        var entries: [(split: Split, name: String, path: String)] = []
        for (number, line) in lines.dropFirst() {
            let values = fields(line)
            guard values.count == header.count, let split = Split(rawValue: values[splitColumn]) else {
                throw DatasetError(
                    file: path, problem: "line \(number) is '\(line)'",
                    remedy: "it must have \(header.count) values, with train or test as its split")
            }
            entries.append((split: split, name: values[name], path: values[file]))
        }
        return entries
    }

    /// The lines of a text file that are not empty, with their numbers from 1.
    static func lines(_ path: String) throws(DatasetError) -> [(number: Int, text: String)] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw DatasetError(
                file: path, problem: "is no text that can be read", remedy: "mend it or remove it")
        }
        return text.split(omittingEmptySubsequences: false) { $0.isNewline }.enumerated()
            .map { (number: $0.offset + 1, text: $0.element.trimmingCharacters(in: .whitespaces)) }
            .filter { !$0.text.isEmpty }
    }

    /// The values of a line; one in quotes may hold commas.
    private static func fields(_ line: String) -> [String] {
        var (fields, field, isQuoted) = ([String](), "", false)
        for character in line {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == ",", !isQuoted {
                fields.append(field)
                field = ""
            } else {
                field.append(character)
            }
        }
        return fields + [field]
    }
}
