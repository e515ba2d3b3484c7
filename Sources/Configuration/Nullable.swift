/// A value that may be null in a configuration, and whose key is always written.
///
/// A plain `Optional` property vanishes from the written configuration when it is nil; this does not.
public struct Nullable<Value: Codable & Sendable & Equatable>: Codable, Sendable, Equatable, ExpressibleByNilLiteral {
    /// The value, or nil for null.
    public var value: Value?

    /// Wraps a value.
    public init(_ value: Value?) { self.value = value }

    /// Makes a null.
    public init(nilLiteral: ()) { value = nil }

    /// Reads null or a value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        value = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    /// Writes null or the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}
