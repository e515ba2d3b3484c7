import Configuration

/// A layer of a network as a configuration writes it: a kind with its options, and perhaps a name.
///
/// `relu`, `{dropout: {probability: 0.5}}`, `{name: conv1, conv2d: {out: 16, kernel: 3}}`, or a list of layers, which
/// stands for `{sequential: [...]}`.
public struct LayerDescription: Sendable {
    /// The layer's name in the network that holds it; nil for its place there, as PyTorch's sequences have it.
    ///
    /// An empty name gives its parameters to the enclosing module.
    let name: String?
    let kind: any LayerKind

    init(_ kind: any LayerKind, name: String? = nil) {
        self.kind = kind
        self.name = name
    }
}

extension LayerDescription: Equatable {
    /// Whether two descriptions say the same.
    public static func == (first: LayerDescription, second: LayerDescription) -> Bool {
        first.name == second.name && first.kind.isEqual(to: second.kind)
    }
}

extension LayerKind {
    fileprivate func isEqual(to other: any LayerKind) -> Bool { (other as? Self) == self }

    fileprivate func write<Key: CodingKey>(to container: inout KeyedEncodingContainer<Key>, forKey key: Key) throws {
        try container.encode(self, forKey: key)
    }

    /// The layer under a name of its own.
    func named(_ name: String) -> LayerDescription { LayerDescription(self, name: name) }
}

extension LayerDescription: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }

        static let name = Key(stringValue: "name")
    }

    /// Reads a kind, a section with one kind, or a list.
    public init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: Key.self) {
            try self.init(container)
        } else if (try? decoder.unkeyedContainer()) != nil {
            self.init(try Sequential(from: decoder))
        } else {
            let kind = try Self.kind(try decoder.singleValueContainer().decode(String.self), decoder.codingPath)
            self.init(try Self.withoutOptions(kind, decoder.codingPath))
        }
    }

    private init(_ container: KeyedDecodingContainer<Key>) throws {
        name = try container.decodeIfPresent(String.self, forKey: .name)
        let keys = container.allKeys.filter { $0.stringValue != Key.name.stringValue }
        if keys.count > 1 {
            let (first, second) = (keys[0].stringValue, keys[1].stringValue)
            throw Self.fault(
                container.codingPath,
                "describes '\(first)' and '\(second)' at once; give each layer an item of its own, its options inside it"
            )
        }
        guard let key = keys.first else {
            throw Self.fault(
                container.codingPath, "names no kind of layer, as in {name: conv1, conv2d: {out: 16, kernel: 3}}")
        }
        if let name, name.contains(where: { $0 == "." || $0.isWhitespace }) {
            throw Self.fault(container.codingPath + [Key.name], "must hold no dots and no spaces, found '\(name)'")
        }
        let type = try Self.kind(key.stringValue, container.codingPath)
        kind =
            try container.decodeNil(forKey: key)
            ? Self.withoutOptions(type, container.codingPath)
            : container.decode(type, forKey: key)
    }

    /// Writes a section with the name, if there is one, and the kind's options.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(name, forKey: .name)
        try kind.write(to: &container, forKey: Key(stringValue: type(of: kind).kind))
    }

    private static func kind(_ name: String, _ path: [any CodingKey]) throws -> any LayerKind.Type {
        if let kind = LayerCatalog.all.first(where: { $0.kind == name }) { return kind }
        let unknown = UnknownName(kind: "layer", name: name, known: LayerCatalog.names)
        throw fault(path, "names an \(unknown)")
    }

    private static func withoutOptions(
        _ type: any LayerKind.Type, _ path: [any CodingKey]
    ) throws -> any LayerKind {
        guard let type = type as? any PlainLayerKind.Type else {
            throw fault(path, "gives '\(type.kind)' no options, but it needs some; docs/models.md shows them")
        }
        return type.init()
    }

    private static func fault(_ path: [any CodingKey], _ problem: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: path, debugDescription: problem))
    }
}

/// Builds lists of layers in Swift, with loops and conditions.
@resultBuilder
enum NetworkBuilder {
    static func buildExpression(_ kind: some LayerKind) -> [LayerDescription] { [LayerDescription(kind)] }
    static func buildExpression(_ description: LayerDescription) -> [LayerDescription] { [description] }
    static func buildExpression(_ list: [LayerDescription]) -> [LayerDescription] { list }
    static func buildBlock(_ parts: [LayerDescription]...) -> [LayerDescription] { parts.flatMap(\.self) }
    static func buildArray(_ parts: [[LayerDescription]]) -> [LayerDescription] { parts.flatMap(\.self) }
    static func buildOptional(_ part: [LayerDescription]?) -> [LayerDescription] { part ?? [] }
    static func buildEither(first: [LayerDescription]) -> [LayerDescription] { first }
    static func buildEither(second: [LayerDescription]) -> [LayerDescription] { second }
}
