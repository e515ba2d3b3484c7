import Configuration

/// A data set that cannot be used: what is wrong, in which file and where, and how to mend it.
public struct DatasetError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file or folder at fault, if one is.
    public let file: String?
    /// The byte at which the fault starts, if it has a place.
    public let offset: Int?
    /// What was found and what was expected.
    public let problem: String
    /// What the user can do, unless the problem says it.
    public let remedy: String?

    /// Makes an error from its parts; `problem` and `remedy` are parts of one sentence.
    public init(file: String? = nil, offset: Int? = nil, problem: String, remedy: String?) {
        self.file = file
        self.offset = offset
        self.problem = problem
        self.remedy = remedy
    }

    /// Makes the error for a name that a catalogue does not hold.
    init(_ unknown: UnknownName) {
        self.init(problem: unknown.description, remedy: nil)
    }

    /// The error as one sentence.
    public var description: String {
        var place = file.map { "\($0): " } ?? ""
        if let offset { place = "\(file ?? "input"), byte \(offset): " }
        return place + problem + (remedy.map { "; \($0)" } ?? "")
    }
}
