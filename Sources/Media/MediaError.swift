/// A picture or video that cannot be decoded or written.
public struct MediaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file at fault.
    public let file: String
    /// What is wrong with it.
    public let problem: String

    /// Makes an error; `problem` goes on after the file's name.
    public init(file: String, problem: String) {
        self.file = file
        self.problem = problem
    }

    /// The error as one sentence.
    public var description: String { "\(file): \(problem)" }
}
