import Foundation

/// Reads typed configurations from YAML.
///
/// The type says which keys exist and what they hold, a value of it says the defaults; the file and the command line
/// say what differs. Nothing is ignored: an unknown key, a wrong type or an impossible value is an error that names the
/// file, the line and the key.
public enum ConfigurationReader {
    /// Lays the YAML text and then the overrides over the defaults.
    ///
    /// Sections are merged key by key; lists replace the default as a whole.
    ///
    /// - Parameters:
    ///   - defaults: The value that stands where the user says nothing.
    ///   - yaml: The text; empty when the defaults are all that is wanted.
    ///   - file: The name under which errors speak of the text.
    ///   - overrides: `key.path=value` each, the value in YAML; later ones win.
    /// - Throws: ``ConfigurationError`` for the first fault.
    public static func read<T: Codable & Sendable>(
        _ defaults: T, yaml: String, file: String, overrides: [String] = []
    ) throws(ConfigurationError) -> T {
        // Of a named section the name alone: whose defaults fill it depends on the name that the user gives.
        var tree = try tree(of: defaults, abbreviated: true)
        let document = try YAMLDocument(yaml, file: file)
        var locations = document.lines.mapValues { ConfigurationError.Location.line(file, $0) }
        if let value = document.value {
            tree = try overlaid(tree, with: value, at: "") { locations[$0] ?? .file(file) }
        }
        for override in overrides {
            try apply(override, to: &tree, &locations)
        }
        return try decode(tree, file: file, locations: locations)
    }

    /// Reads the file at `path` as ``read(_:yaml:file:overrides:)`` does.
    ///
    /// - Throws: ``ConfigurationError`` for the first fault, also when the file cannot be read or is not UTF-8.
    public static func readFile<T: Codable & Sendable>(
        _ defaults: T, path: String, overrides: [String] = []
    ) throws(ConfigurationError) -> T {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            let isMissing = !FileManager.default.fileExists(atPath: path)
            let problem = isMissing ? "no such file; check the path" : "cannot be read; it must be a readable file"
            throw ConfigurationError(.file(path), problem)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(.file(path), "not UTF-8 text; save the file in UTF-8")
        }
        return try read(defaults, yaml: text, file: path, overrides: overrides)
    }

    static func tree(
        of value: some Encodable, abbreviated: Bool = false
    ) throws(ConfigurationError) -> ConfigurationValue {
        do {
            let encoder = TreeEncoder(abbreviates: abbreviated)
            try encoder.encode(value)
            return encoder.value
        } catch {
            throw ConfigurationError(.file("configuration"), "\(type(of: value)) cannot be written: \(error)")
        }
    }

    /// Merges `upper` over `lower`; `locate` finds where `upper` was written.
    private static func overlaid(
        _ lower: ConfigurationValue, with upper: ConfigurationValue, at path: String,
        locate: (String) -> ConfigurationError.Location
    ) throws(ConfigurationError) -> ConfigurationValue {
        guard case .section(var entries) = lower else {
            // A bare name is short for a named section, which the keys then belong to.
            guard case .section(let changes) = upper, case .scalar = lower, !lower.isNull, upper["name"] == nil else {
                return upper
            }
            return .section([.init("name", lower)] + changes)
        }
        guard case .section(let changes) = upper else {
            if upper.isNull && !entries.isEmpty { return lower }  // A section of which all lines are commented out.
            let subject = path.isEmpty ? "a configuration" : "'\(path)'"
            let keys = entries.map(\.key).joined(separator: ", ")
            throw ConfigurationError(
                locate(path), key: path, "\(subject) is a section with the keys \(keys), found \(upper.summary)")
        }
        for change in changes {
            let entryPath = path.isEmpty ? change.key : "\(path).\(change.key)"
            if let index = entries.firstIndex(where: { $0.key == change.key }) {
                entries[index].value = try overlaid(
                    entries[index].value, with: change.value, at: entryPath, locate: locate)
            } else {
                entries.append(change)
            }
        }
        return .section(entries)
    }

    private static func apply(
        _ override: String, to tree: inout ConfigurationValue, _ locations: inout [String: ConfigurationError.Location]
    ) throws(ConfigurationError) {
        let location = ConfigurationError.Location.override(override)
        guard let equals = override.firstIndex(of: "=") else {
            throw ConfigurationError(location, "an override needs the form key=value, as in training.epochs=3")
        }
        let path = override[..<equals].trimmingCharacters(in: .whitespaces)
        let keys = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !keys.contains("") else {
            throw ConfigurationError(location, "'\(path)' is no key; write it as in training.epochs=3")
        }
        let document: YAMLDocument
        do {
            document = try YAMLDocument(String(override[override.index(after: equals)...]), file: override)
        } catch {
            throw ConfigurationError(location, key: path, error.problem)
        }
        // A value that the override makes a section of is the override's fault.
        for depth in 1..<max(keys.count, 1) {
            let outer = keys.prefix(depth)
            if case .section = outer.reduce(tree as ConfigurationValue?, { $0?[$1] }) { continue }
            locations[outer.joined(separator: ".")] = location
        }
        let nested = keys.reversed().reduce(document.value ?? .null) { inner, key in .section([.init(key, inner)]) }
        tree = try overlaid(tree, with: nested, at: "") { _ in location }
        locations = locations.filter { !$0.key.hasPrefix(path + "[") }  // A list replaces the one before.
        locations[path] = location
        for inner in document.lines.keys { locations[path + (inner.hasPrefix("[") ? inner : ".\(inner)")] = location }
    }

    private static func decode<T: Decodable>(
        _ tree: ConfigurationValue, file: String, locations: [String: ConfigurationError.Location]
    ) throws(ConfigurationError) -> T {
        let requests = KeyRequests()
        let result: T
        do {
            result = try TreeDecoder(tree, requests: requests).decode(T.self)
        } catch {
            let path = (error as? DecodingError)?.context?.codingPath.keyPath ?? ""
            let problem = (error as? DecodingError)?.context?.debugDescription ?? "\(error)"
            let subject = path.isEmpty ? "the configuration" : "'\(path)'"
            throw ConfigurationError(location(of: path, locations, file), key: path, "\(subject) \(problem)")
        }
        guard let unknown = requests.firstUnknown(in: tree) else { return result }
        throw ConfigurationError(
            location(of: unknown.path, locations, file), key: unknown.path, text(for: unknown, requests))
    }

    private static func text(for unknown: KeyRequests.UnknownKey, _ requests: KeyRequests) -> String {
        if unknown.name.contains(".") {
            return "unknown key '\(unknown.name)'; in a file each part before a dot is a section of its own"
        }
        if let sibling = NearestName.of(unknown.name, among: unknown.known) {
            let section = unknown.section.isEmpty ? "" : "\(unknown.section)."
            return "unknown key '\(unknown.path)'; did you mean '\(section)\(sibling)'?"
        }
        if let path = requests.onlyPath(of: unknown.name) {
            return "unknown key '\(unknown.path)'; did you mean '\(path)'?"
        }
        return "unknown key '\(unknown.path)'; known: \(unknown.known.joined(separator: ", "))"
    }

    /// Where the value at `path` or the nearest one that holds it was written.
    private static func location(
        of path: String, _ locations: [String: ConfigurationError.Location], _ file: String
    ) -> ConfigurationError.Location {
        var path = path
        while !path.isEmpty {
            if let location = locations[path] { return location }
            path = path.lastIndex { $0 == "." || $0 == "[" }.map { String(path[..<$0]) } ?? ""
        }
        return .file(file)
    }
}

extension DecodingError {
    fileprivate var context: Context? {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context
        @unknown default: nil
        }
    }
}
