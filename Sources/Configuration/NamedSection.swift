/// A section whose `name` picks an entry of a catalogue and whose other keys are that entry's.
///
/// What the user does not give has the entry's default, and a key that the entry does not know is refused like any
/// other unknown key. The name alone stands for a section that gives nothing else.
public protocol NamedSection: Codable, Sendable {
    /// The entry that stands where the user names none.
    init()

    /// The entry called `name` with its defaults.
    ///
    /// - Throws: `UnknownName` when the catalogue has none of that name.
    init(named name: String) throws(UnknownName)

    /// The entry's name.
    var name: String { get }
}

/// An entry of a catalogue with keys of its own: its stored properties, whose values in `init()` are the defaults.
public protocol NamedEntry: Codable, Sendable, Equatable, ValidatedSection {
    /// The name in the configuration.
    static var name: String { get }

    /// The entry with its defaults.
    init()
}

extension NamedEntry {
    /// The name in the configuration.
    public var name: String { Self.name }

    /// Nothing is wrong with values that their types allow.
    public func problems() -> [(key: String, problem: String)] { [] }

    /// Whether the other one is the same entry with equal values.
    public func isEqual(to other: any NamedEntry) -> Bool { other as? Self == self }
}

/// The key that names a section's entry.
public struct SectionName: Codable, Sendable {
    /// The entry's name.
    public let name: String

    /// The name to write.
    public init(_ name: String) { self.name = name }
}
