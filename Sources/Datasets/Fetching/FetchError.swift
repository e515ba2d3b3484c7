/// A data set that could not be fetched.
public struct FetchError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The address or file at fault.
    public let source: String
    /// What happened, and how to mend it.
    public let problem: String

    /// The error as one sentence.
    public var description: String { "\(source): \(problem)" }
}
