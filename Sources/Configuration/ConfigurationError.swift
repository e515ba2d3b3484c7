/// A configuration that cannot be used.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where the fault stands.
    public enum Location: Sendable, Equatable, CustomStringConvertible {
        /// Somewhere in a file, or in no particular line.
        case file(String)
        /// In a line of a file, counted from 1.
        case line(String, Int)
        /// At a column of a line, both counted from 1.
        case column(String, Int, Int)
        /// In a `key=value` of the command line.
        case override(String)

        /// The location as compilers write it, `file:line:column`, or the override itself.
        public var description: String {
            switch self {
            case .file(let file): file
            case .line(let file, let line): "\(file):\(line)"
            case .column(let file, let line, let column): "\(file):\(line):\(column)"
            case .override(let text): text
            }
        }
    }

    /// Where the fault stands.
    public let location: Location
    /// The full path of the key concerned, such as `training.epochs`; empty when there is none.
    public let key: String
    /// What is wrong and how to mend it.
    public let problem: String

    /// Makes an error.
    public init(_ location: Location, key: String = "", _ problem: String) {
        self.location = location
        self.key = key
        self.problem = problem
    }

    /// One sentence: the location, then the problem.
    public var description: String { "\(location): \(problem)" }
}

/// A section that knows more about its values than their types say.
public protocol ValidatedSection {
    /// What is wrong with the values: keys relative to the section (empty for the section itself), and sentences
    /// that go on after the key, such as `must be at least 1` or `names an \(UnknownName(…))`.
    func problems() -> [(key: String, problem: String)]
}
