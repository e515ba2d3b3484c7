/// The keys that the types of a configuration asked for while it was decoded: the known keys, section by section.
final class KeyRequests {
    private var keysBySection: [String: [String]] = [:]
    private var freeSections: Set<String> = []

    /// Notes that a type knows `key` of the section at `path`.
    func note(_ key: any CodingKey, in path: [any CodingKey]) {
        let known = keysBySection[path.keyPath, default: []]
        if !known.contains(key.stringValue) { keysBySection[path.keyPath] = known + [key.stringValue] }
    }

    /// The keys that are known so far in the section at `path`.
    func known(in path: [any CodingKey]) -> [String] { keysBySection[path.keyPath, default: []] }

    /// Notes that a type takes whatever lies at `path`.
    func acceptAll(below path: [any CodingKey]) { freeSections.insert(path.keyPath) }

    /// A key that no type asked for.
    struct UnknownKey {
        /// The path of the section that holds it; empty for the whole configuration.
        let section: String
        let name: String
        /// The keys known in its place.
        let known: [String]
        var path: String { section.isEmpty ? name : "\(section).\(name)" }
    }

    /// The first key in `value` that no type asked for.
    func firstUnknown(in value: ConfigurationValue, at path: String = "") -> UnknownKey? {
        if freeSections.contains(path) { return nil }
        switch value {
        case .scalar: return nil
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                if let unknown = firstUnknown(in: element, at: "\(path)[\(index)]") { return unknown }
            }
        case .section(let entries):
            let known = keysBySection[path, default: []]
            for entry in entries {
                let key = UnknownKey(section: path, name: entry.key, known: known)
                guard known.contains(entry.key) else { return key }
                if let unknown = firstUnknown(in: entry.value, at: key.path) { return unknown }
            }
        }
        return nil
    }

    /// The full path of the only known key that is called `name`, wherever it is.
    func onlyPath(of name: String) -> String? {
        let paths = keysBySection.filter { $0.value.contains(name) }.map { $0.key.isEmpty ? name : "\($0.key).\(name)" }
        return paths.count == 1 ? paths[0] : nil
    }
}

extension [any CodingKey] {
    /// The path as users write it: `model.layers[2].channels`.
    var keyPath: String {
        reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
