/// The name by which a process is known to its peers, unique within a run.
///
/// It is also the ZeroMQ routing id, which may have 255 bytes, of which two tell connections apart: 1 to 253 bytes of UTF-8
/// that do not start with a zero byte.
public struct PeerID: Hashable, Sendable, CustomStringConvertible {
    /// The name itself.
    public let name: String

    /// Makes a peer id from `name`.
    ///
    /// - Throws: `TransportError.invalidPeerID` when it is empty, longer than 253 bytes or starts with a zero byte.
    public init(_ name: String) throws(TransportError) {
        guard Self.isValid(name) else { throw .invalidPeerID(name) }
        self.name = name
    }

    /// No name holds this byte, which is not UTF-8; it comes before the number of a further connection.
    private static let separator: UInt8 = 0xff

    /// The routing id of connection number `connection` of this peer.
    func routingID(connection: Int) -> [UInt8] {
        Array(name.utf8) + (connection > 0 ? [Self.separator, UInt8(connection)] : [])
    }

    /// The peer whose routing id was received as `bytes`; nil when it is none.
    init?(routingID bytes: UnsafeRawBufferPointer) {
        let bytes = bytes.prefix { $0 != Self.separator }
        guard let name = String(validating: bytes, as: UTF8.self), Self.isValid(name) else { return nil }
        self.name = name
    }

    private static func isValid(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count) && name.utf8.first != 0
    }

    /// The name.
    public var description: String { name }
}

extension PeerID: ExpressibleByStringLiteral {
    /// Makes a peer id from a literal, which must be valid.
    public init(stringLiteral name: String) {
        precondition(Self.isValid(name), "\"\(name)\" is not a peer id: it needs 1 to 253 bytes")
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
