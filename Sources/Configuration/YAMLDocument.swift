import Yams

/// A YAML document with the line of each of its values.
struct YAMLDocument {
    /// The contents; nil when the document is empty or holds only comments.
    private(set) var value: ConfigurationValue?
    /// The line of each key and list element by its path, counted from 1.
    private(set) var lines: [String: Int] = [:]
    private let file: String

    /// Parses `text`; errors name `file`.
    init(_ text: String, file: String) throws(ConfigurationError) {
        self.file = file
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            // Nodes hold their anchors weakly: the parser keeps them.
            try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else { return }
                value = try converted(root, at: "")
            }
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw Self.error(for: error, in: text, file: file)
        }
    }

    private mutating func converted(_ node: Node, at path: String) throws(ConfigurationError) -> ConfigurationValue {
        if !path.isEmpty, lines[path] == nil, let mark = node.mark { lines[path] = mark.line }
        if node.anchor != nil { throw refusal(node, path, "anchors are not supported; write the value out") }
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain
            if !isQuoted, !scalar.tag.rawValue.isEmpty {
                throw refusal(node, path, "the tag '\(scalar.tag.rawValue)' is not supported; remove it")
            }
            return .scalar(ConfigurationScalar(text: scalar.string, isQuoted: isQuoted))
        case .sequence(let sequence):
            var elements: [ConfigurationValue] = []
            for (index, element) in sequence.enumerated() {
                elements.append(try converted(element, at: "\(path)[\(index)]"))
            }
            return .list(elements)
        case .mapping(let mapping):
            var entries: [ConfigurationValue.Entry] = []
            for (key, element) in mapping {
                guard case .scalar(let scalar) = key else { throw refusal(key, path, "a key must be a single word") }
                let entryPath = path.isEmpty ? scalar.string : "\(path).\(scalar.string)"
                lines[entryPath] = key.mark?.line
                entries.append(.init(scalar.string, try converted(element, at: entryPath)))
            }
            return .section(entries)
        case .alias:
            throw refusal(node, path, "aliases are not supported; write the value out")
        }
    }

    private func refusal(_ node: Node, _ path: String, _ problem: String) -> ConfigurationError {
        let location = node.mark.map { ConfigurationError.Location.column(file, $0.line, $0.column) } ?? .file(file)
        return ConfigurationError(location, key: path, problem)
    }

    private static func error(for error: any Error, in text: String, file: String) -> ConfigurationError {
        func at(_ mark: Mark, _ problem: String) -> ConfigurationError {
            let line =
                text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(mark.line - 1).first ?? ""
            let isTab = line.prefix { $0 == " " || $0 == "\t" }.contains("\t")
            let reason = isTab ? "a tab cannot indent YAML; use spaces" : "not valid YAML: \(problem)"
            return ConfigurationError(.column(file, mark.line, mark.column), reason)
        }
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            return at(mark, problem)
        case YamlError.duplicatedKeysInMapping(let names, let context):
            let name = names.first ?? ""
            return ConfigurationError(
                .line(file, context.mark.line), key: name, "key '\(name)' is given twice in its section; keep one")
        case YamlError.reader(let problem, let offset, _, _):
            let line = text.prefix(offset ?? 0).count { $0.isNewline } + 1
            return ConfigurationError(.line(file, line), "not valid YAML: \(problem)")
        default:
            return ConfigurationError(.file(file), "not valid YAML: \(error)")
        }
    }
}
