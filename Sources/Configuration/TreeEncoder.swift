/// Turns a `Codable` value into a ``ConfigurationValue``, keys in the order in which they are encoded.
final class TreeEncoder: Encoder {
    private enum Content {
        case nothing
        case value(ConfigurationValue)
        case list([TreeEncoder])
        case section([(key: String, encoder: TreeEncoder)])
    }

    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private var content = Content.nothing
    private let abbreviates: Bool

    /// Makes an encoder; one that abbreviates writes of a ``NamedSection`` the name only.
    init(codingPath: [any CodingKey] = [], abbreviates: Bool = false) {
        self.codingPath = codingPath
        self.abbreviates = abbreviates
    }

    /// What was encoded.
    var value: ConfigurationValue {
        switch content {
        case .nothing: .section([])
        case .value(let value): value
        case .list(let elements): .list(elements.map(\.value))
        case .section(let entries): .section(entries.map { ConfigurationValue.Entry($0.key, $0.encoder.value) })
        }
    }

    /// Takes a whole tree as the value.
    func put(_ value: ConfigurationValue) { content = .value(value) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if case .section = content {} else { content = .section([]) }
        return KeyedEncodingContainer(Keyed<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .list = content {} else { content = .list([]) }
        return Unkeyed(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    fileprivate func child(_ key: any CodingKey) -> TreeEncoder {
        let child = TreeEncoder(codingPath: codingPath + [key], abbreviates: abbreviates)
        if case .section(var entries) = content {
            entries.removeAll { $0.key == key.stringValue }
            entries.append((key.stringValue, child))
            content = .section(entries)
        }
        return child
    }

    fileprivate func nextElement() -> TreeEncoder {
        let child = TreeEncoder(codingPath: codingPath + [TreeKey(index: count)], abbreviates: abbreviates)
        if case .list(let elements) = content { content = .list(elements + [child]) }
        return child
    }

    fileprivate var count: Int {
        if case .list(let elements) = content { elements.count } else { 0 }
    }
}

extension TreeEncoder: SingleValueEncodingContainer {
    func encodeNil() { put(.null) }
    func encode<Value: Encodable & ScalarCodable>(_ value: Value) { put(.scalar(value.scalar)) }
    func encode<Value: Encodable>(_ value: Value) throws {
        if abbreviates, let section = value as? any NamedSection {
            encode(section.name)
        } else {
            try value.encode(to: self)
        }
    }
}

/// The key of a list element or of an inherited part.
struct TreeKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) { self.init(index: intValue) }

    init(index: Int) {
        stringValue = "\(index)"
        intValue = index
    }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: TreeEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil(forKey key: Key) { encoder.child(key).encodeNil() }
    func encode<Value: Encodable & ScalarCodable>(_ value: Value, forKey key: Key) { encoder.child(key).encode(value) }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try encoder.child(key).encode(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder.child(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder.child(key).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { encoder.child(TreeKey(stringValue: "super")) }
    func superEncoder(forKey key: Key) -> any Encoder { encoder.child(key) }
}

private struct Unkeyed: UnkeyedEncodingContainer {
    let encoder: TreeEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.count }

    func encodeNil() { encoder.nextElement().encodeNil() }
    func encode<Value: Encodable & ScalarCodable>(_ value: Value) { encoder.nextElement().encode(value) }
    func encode<Value: Encodable>(_ value: Value) throws { try encoder.nextElement().encode(value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        encoder.nextElement().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder.nextElement().unkeyedContainer() }
    func superEncoder() -> any Encoder { encoder.nextElement() }
}
