/// Reads typed values from a ``ConfigurationValue``, notes which keys were asked for, and checks what was read.
///
/// Every error is a `DecodingError` whose path leads to the value and whose description completes the sentence that
/// starts with the key.
struct TreeDecoder: Decoder {
    let value: ConfigurationValue
    let codingPath: [any CodingKey]
    let requests: KeyRequests
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ value: ConfigurationValue, codingPath: [any CodingKey] = [], requests: KeyRequests) {
        self.value = value
        self.codingPath = codingPath
        self.requests = requests
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .section(let entries) = value else { throw mismatch(type, "a section of keys and values") }
        return KeyedDecodingContainer(Keyed<Key>(decoder: self, entries: entries))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .list(let elements) = value else { throw mismatch([Any].self, "a list") }
        return Unkeyed(decoder: self, elements: elements)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    /// The value with all that it holds, whose keys then count as known.
    func wholeValue() -> ConfigurationValue {
        requests.acceptAll(below: codingPath)
        return value
    }

    fileprivate func child(_ value: ConfigurationValue, _ key: any CodingKey) -> TreeDecoder {
        TreeDecoder(value, codingPath: codingPath + [key], requests: requests)
    }

    /// Reads a value of any type and has it checked.
    fileprivate func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let result: Value
        do {
            result = try Value(from: (type as? any NamedSection.Type).map(completed) ?? self)
        } catch let error as DecodingError {
            guard case .scalar = value, let choices = Self.choices(of: type) else { throw error }
            throw corrupted(
                "expects one of \(choices.joined(separator: ", ")), found \(value.summary)\(guess(choices))")
        } catch let error as UnknownName {
            throw corrupted("names an \(error)")
        } catch {
            throw corrupted("cannot be used: \(error)")
        }
        if let fault = (result as? any ValidatedSection)?.problems().first {
            let path = fault.key.split(separator: ".").map { TreeKey(stringValue: String($0)) }
            throw DecodingError.dataCorrupted(.init(codingPath: codingPath + path, debugDescription: fault.problem))
        }
        return result
    }

    /// The value with the defaults of the catalogue's entry that it names.
    private func completed(_ type: any NamedSection.Type) throws -> TreeDecoder {
        let given: [ConfigurationValue.Entry]
        switch value {
        case .list: throw mismatch(type, "a section of keys and values")
        case .scalar: given = value.isNull ? [] : [.init("name", value)]
        case .section(let entries): given = entries
        }
        var section = type.init()
        if let name = given.last(where: { $0.key == "name" }) {
            let place = value == name.value ? self : child(name.value, TreeKey(stringValue: name.key))
            let text = try place.decode(String.self)
            do throws(UnknownName) {
                section = try type.init(named: text)
            } catch {
                throw place.corrupted("names an \(error)")
            }
        }
        guard case .section(let defaults) = try ConfigurationReader.tree(of: section) else { return self }
        let rest = defaults.filter { entry in !given.contains { $0.key == entry.key } }
        return TreeDecoder(.section(given + rest), codingPath: codingPath, requests: requests)
    }

    private func guess(_ choices: [String]) -> String {
        guard case .scalar(let scalar) = value else { return "" }
        return NearestName.of(scalar.text, among: choices).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// The raw values of an enumeration of texts.
    private static func choices(of type: any Decodable.Type) -> [String]? {
        guard let enumeration = type as? any CaseIterable.Type else { return nil }
        let names = enumeration.rawTexts
        return names.isEmpty ? nil : names
    }

    fileprivate func mismatch(_ type: Any.Type, _ expectation: String) -> DecodingError {
        .typeMismatch(
            type, .init(codingPath: codingPath, debugDescription: "expects \(expectation), found \(value.summary)"))
    }

    fileprivate func corrupted(_ problem: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: problem))
    }
}

extension CaseIterable {
    fileprivate static var rawTexts: [String] {
        allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
    }
}

extension TreeDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value.isNull }

    func decode<Value: Decodable & ScalarCodable>(_ type: Value.Type) throws -> Value {
        guard case .scalar(let scalar) = value, let result = Value(scalar) else {
            throw mismatch(type, Value.expectation)
        }
        return result
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try read(type) }
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: TreeDecoder
    let values: [String: ConfigurationValue]
    let allKeys: [Key]
    var codingPath: [any CodingKey] { decoder.codingPath }

    init(decoder: TreeDecoder, entries: [ConfigurationValue.Entry]) {
        self.decoder = decoder
        values = Dictionary(entries.map { ($0.key, $0.value) }) { _, last in last }
        allKeys = entries.compactMap { Key(stringValue: $0.key) }
    }

    func contains(_ key: Key) -> Bool {
        decoder.requests.note(key, in: codingPath)
        return values[key.stringValue] != nil
    }

    private func child(_ key: any CodingKey) throws -> TreeDecoder {
        decoder.requests.note(key, in: codingPath)
        guard let value = values[key.stringValue] else {
            let guess = misspelling(of: key).map { "; '\($0)' stands in its place" } ?? ""
            throw DecodingError.keyNotFound(
                key, .init(codingPath: codingPath + [key], debugDescription: "is missing" + guess))
        }
        return decoder.child(value, key)
    }

    /// The key, unknown so far, that was probably meant to be `key`.
    private func misspelling(of key: any CodingKey) -> String? {
        let known = decoder.requests.known(in: codingPath)
        return NearestName.of(key.stringValue, among: values.keys.sorted().filter { !known.contains($0) })
    }

    func decodeNil(forKey key: Key) throws -> Bool { try child(key).decodeNil() }
    func decode<Value: Decodable & ScalarCodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try child(key).decode(type)
    }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try child(key).read(type) }
    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try child(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try child(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { try child(TreeKey(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try child(key) }
}

private struct Unkeyed: UnkeyedDecodingContainer {
    let decoder: TreeDecoder
    let elements: [ConfigurationValue]
    var currentIndex = 0
    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    init(decoder: TreeDecoder, elements: [ConfigurationValue]) {
        self.decoder = decoder
        self.elements = elements
    }

    private func current() throws -> TreeDecoder {
        guard !isAtEnd else { throw decoder.corrupted("needs more than \(elements.count) elements") }
        return decoder.child(elements[currentIndex], TreeKey(index: currentIndex))
    }

    mutating func decodeNil() throws -> Bool {
        let isNull = try current().decodeNil()
        if isNull { currentIndex += 1 }
        return isNull
    }
    mutating func decode<Value: Decodable & ScalarCodable>(_ type: Value.Type) throws -> Value {
        let value = try current().decode(type)
        currentIndex += 1
        return value
    }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let value = try current().read(type)
        currentIndex += 1
        return value
    }
    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        let container = try current().container(keyedBy: type)
        currentIndex += 1
        return container
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try current().unkeyedContainer()
        currentIndex += 1
        return container
    }
    mutating func superDecoder() throws -> any Decoder {
        let element = try current()
        currentIndex += 1
        return element
    }
}
