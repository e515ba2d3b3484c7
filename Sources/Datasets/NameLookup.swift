import Configuration

/// The error for a name that a catalogue does not have.
enum NameLookup {
    /// Says that `unknown` is no `kind`, lists the known names and proposes the nearest.
    static func error(unknown: String, kind: String, known: [String]) -> DatasetError {
        let proposal = NearestName.of(unknown, among: known).map { "did you mean '\($0)'?" } ?? "choose one of these"
        return DatasetError(
            problem: "unknown \(kind) '\(unknown)'; known: \(known.joined(separator: ", "))", remedy: proposal)
    }
}
