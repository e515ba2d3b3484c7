/// The name by which a process is known to its peers, unique within a run.
///
/// It is also the ZeroMQ routing id: 1 to 255 bytes of UTF-8 that do not start with a zero byte.
public struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// The name itself.
    public let name: String

    /// Makes a peer id from `name`.
    ///
    /// - Throws: `TransportError.invalidPeerID` when it is empty, longer than 255 bytes or starts with a zero byte.
    public init(_ name: String) throws(TransportError) {
        guard Self.isValid(name) else { throw .invalidPeerID(name) }
        self.name = name
    }

    /// The peer id in `bytes` as received; nil when they are none.
    init?(bytes: UnsafeRawBufferPointer) {
        guard let name = String(validating: bytes, as: UTF8.self), Self.isValid(name) else { return nil }
        self.name = name
    }

    private static func isValid(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name.utf8.first != 0
    }

    /// The name.
    public var description: String { name }
}

extension PeerID: ExpressibleByStringLiteral {
    /// Makes a peer id from a literal, which must be valid.
    public init(stringLiteral name: String) {
        precondition(Self.isValid(name), "\"\(name)\" is not a peer id: it needs 1 to 255 bytes")
        self.name = name
    }
}

extension PeerID: Codable {
    /// Reads a peer id from a single string, with the checks of `init(_:)`.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the name as a single string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}
