/// A piece of a configuration before it has a type: what a YAML document holds, in the order in which it was written.
///
/// Sections use it for parts whose shape only a later reader knows. Scalars keep their text, so that no digit is lost.
public enum ConfigurationValue: Hashable, Sendable {
    /// A single word, number or text.
    case scalar(ConfigurationScalar)
    /// Values in order.
    case list([ConfigurationValue])
    /// Values by key, in the order of the file.
    case section([Entry])

    /// A key with its value.
    public struct Entry: Hashable, Sendable {
        /// The key.
        public let key: String
        /// The value.
        public var value: ConfigurationValue

        /// Makes an entry.
        public init(_ key: String, _ value: ConfigurationValue) {
            self.key = key
            self.value = value
        }
    }

    /// YAML's null.
    public static let null = ConfigurationValue.scalar(ConfigurationScalar(text: "null", isQuoted: false))

    /// Whether this is YAML's null.
    public var isNull: Bool {
        if case .scalar(let scalar) = self { scalar.isNull } else { false }
    }

    /// The value at `key`; nil when this is no section or has no such key.
    public subscript(key: String) -> ConfigurationValue? {
        guard case .section(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }

    /// How an error calls the value.
    var summary: String {
        switch self {
        case .list: "a list"
        case .section: "a section"
        case .scalar(let scalar) where scalar.isQuoted: "the text \"\(scalar.text)\""
        case .scalar(let scalar) where scalar.isNull: "null"
        case .scalar(let scalar): "'\(scalar.text)'"
        }
    }
}

extension ConfigurationValue: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Takes the tree as it stands from a configuration; builds it from the containers of other decoders.
    public init(from decoder: any Decoder) throws {
        if let tree = decoder as? TreeDecoder {
            self = tree.wholeValue()
        } else if let container = try? decoder.container(keyedBy: Key.self) {
            self = .section(
                try container.allKeys.map {
                    Entry($0.stringValue, try container.decode(ConfigurationValue.self, forKey: $0))
                })
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [ConfigurationValue] = []
            while !container.isAtEnd { elements.append(try container.decode(ConfigurationValue.self)) }
            self = .list(elements)
        } else {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let flag = try? container.decode(Bool.self) {
                self = .scalar(flag.scalar)
            } else if let integer = try? container.decode(Int.self) {
                self = .scalar(integer.scalar)
            } else if let number = try? container.decode(Double.self) {
                self = .scalar(number.scalar)
            } else {
                self = .scalar(try container.decode(String.self).scalar)
            }
        }
    }

    /// Puts the tree as it stands into a configuration; uses the containers of other encoders.
    public func encode(to encoder: any Encoder) throws {
        if let tree = encoder as? TreeEncoder { return tree.put(self) }
        switch self {
        case .section(let entries):
            var container = encoder.container(keyedBy: Key.self)
            for entry in entries { try container.encode(entry.value, forKey: Key(stringValue: entry.key)) }
        case .list(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .scalar(let scalar):
            var container = encoder.singleValueContainer()
            if scalar.isQuoted {
                try container.encode(scalar.text)
            } else if scalar.isNull {
                try container.encodeNil()
            } else if let flag = scalar.boolean {
                try container.encode(flag)
            } else if let integer: Int = scalar.integer() {
                try container.encode(integer)
            } else if let number: Double = scalar.number(), number.isFinite {
                try container.encode(number)
            } else {
                try container.encode(scalar.text)
            }
        }
    }
}
