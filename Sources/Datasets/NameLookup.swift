/// The error for a name that a catalogue does not have.
enum NameLookup {
    /// Says that `unknown` is no `kind`, lists the known names and proposes the nearest.
    static func error(unknown: String, kind: String, known: [String]) -> DatasetError {
        let nearest = known.map { ($0, distance(unknown, $0)) }.min { $0.1 < $1.1 }
        let proposal = nearest.map { "did you mean '\($0.0)'?" } ?? "none can be used here"
        return DatasetError(
            problem: "unknown \(kind) '\(unknown)'; known: \(known.joined(separator: ", "))", remedy: proposal)
    }

    /// The number of characters to insert, delete or replace to make `first` into `second` (Levenshtein 1966).
    static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second)
        var row = Array(0...second.count)
        for (index, character) in first.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in second.indices {
                let replaced = diagonal + (character == second[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[second.count]
    }
}
