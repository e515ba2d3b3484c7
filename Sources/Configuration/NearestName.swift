/// Finds the name that was probably meant.
public enum NearestName {
    /// The name in `known` nearest to `name` by edit distance; nil when none is near enough to be worth a guess.
    ///
    /// Near enough is a third of the longer name's length. Of equally near names the first is taken.
    public static func of(_ name: String, among known: some Sequence<String>) -> String? {
        var best: (name: String, distance: Int)?
        for candidate in known {
            let distance = editDistance(Array(name.lowercased()), Array(candidate.lowercased()))
            guard distance <= (max(name.count, candidate.count) + 1) / 3 else { continue }
            if distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// The number of insertions, deletions, replacements and swaps of neighbours that turn `source` into `target`.
    ///
    /// - Source: optimal string alignment; Damerau 1964.
    static func editDistance(_ source: [Character], _ target: [Character]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...target.count)
        for row in source.indices {
            var current = [row + 1]
            for column in target.indices {
                let replaced = last[column] + (source[row] == target[column] ? 0 : 1)
                var distance = min(replaced, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, source[row] == target[column - 1], source[row - 1] == target[column] {
                    distance = min(distance, beforeLast[column - 1] + 1)
                }
                current.append(distance)
            }
            (beforeLast, last) = (last, current)
        }
        return last[target.count]
    }
}

/// A name that a catalogue does not hold.
public struct UnknownName: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the name names, as in `data set`.
    public let kind: String
    /// The name that was asked for.
    public let name: String
    /// The names that exist.
    public let known: [String]

    /// Makes the error for a look-up of `name` that failed.
    public init(kind: String, name: String, known: [String]) {
        self.kind = kind
        self.name = name
        self.known = known
    }

    /// One sentence with the name, the known names and the nearest of them.
    public var description: String {
        let guess = NearestName.of(name, among: known).map { "; did you mean '\($0)'?" } ?? ""
        return "unknown \(kind) '\(name)'; known: \(known.joined(separator: ", "))\(guess)"
    }
}

extension Sequence {
    /// The first element called `name`.
    ///
    /// - Throws: ``UnknownName`` of the given kind when there is none.
    public func entry(
        named name: String, kind: String, _ nameOf: (Element) -> String
    ) throws(UnknownName) -> Element {
        guard let entry = first(where: { nameOf($0) == name }) else {
            throw UnknownName(kind: kind, name: name, known: map(nameOf))
        }
        return entry
    }
}
