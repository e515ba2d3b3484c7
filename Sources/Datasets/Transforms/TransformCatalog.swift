import Configuration

/// All transforms by name; a new one is a file of its own and a line here.
public enum TransformCatalog {
    /// The known transforms.
    public static let entries: [any TransformDefinition.Type] = [
        RandomCrop.self,
        HorizontalFlip.self,
        AlternatingFlip.self,
        CenterCrop.self,
        Resize.self,
        Pad.self,
        ColorJitter.self,
        Greyscale.self,
        Equalize.self,
        Cutout.self,
        RandomErasing.self,
        Mixup.self,
        Cutmix.self,
    ]

    /// The transform called `name`.
    ///
    /// - Throws: `UnknownName` when there is none.
    static func type(named name: String) throws(UnknownName) -> any TransformDefinition.Type {
        guard let entry = entries.first(where: { $0.name == name }) else {
            throw UnknownName(kind: "transform", name: name, known: entries.map { $0.name })
        }
        return entry
    }
}

/// A transform as a configuration writes it: its name, or its name with parameters, `{random_crop: {padding: 2}}`.
public struct TransformSetting: Codable, Sendable, Equatable {
    /// The transform with its parameters.
    public let transform: any TransformDefinition

    /// Wraps a transform.
    public init(_ transform: any TransformDefinition) { self.transform = transform }

    /// The transform called `name` with its default parameters.
    ///
    /// - Throws: `UnknownName` when there is none.
    public init(named name: String) throws(UnknownName) {
        self.init(try TransformCatalog.type(named: name).init())
    }

    /// Reads a name, or a section with one name and the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        if let name = try? decoder.singleValueContainer().decode(String.self) {
            try self.init(named: name)
            return
        }
        let container = try decoder.container(keyedBy: Name.self)
        guard let key = container.allKeys.first, container.allKeys.count == 1 else {
            let problem = "expects the name of a transform, or one name with its parameters"
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: problem))
        }
        self.init(try Self.read(TransformCatalog.type(named: key.stringValue), from: container, at: key))
    }

    /// Writes the name alone when all parameters have their defaults.
    public func encode(to encoder: any Encoder) throws {
        let name = type(of: transform).name
        if Self.isDefault(transform) {
            var container = encoder.singleValueContainer()
            try container.encode(name)
        } else {
            var container = encoder.container(keyedBy: Name.self)
            try container.encode(transform, forKey: Name(stringValue: name))
        }
    }

    /// Whether both are the same transform with the same parameters.
    public static func == (left: Self, right: Self) -> Bool { isEqual(left.transform, right.transform) }

    private static func read<Definition: TransformDefinition>(
        _ type: Definition.Type, from container: KeyedDecodingContainer<Name>, at key: Name
    ) throws -> any TransformDefinition {
        if try container.decodeNil(forKey: key) { return Definition() }
        return try container.decode(Definition.self, forKey: key)
    }

    private static func isDefault<Definition: TransformDefinition>(_ transform: Definition) -> Bool {
        transform == Definition()
    }

    private static func isEqual<Definition: TransformDefinition>(
        _ left: Definition, _ right: any TransformDefinition
    ) -> Bool {
        left == right as? Definition
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
