import Hashing

/// Writes typed configurations as YAML.
public enum ConfigurationWriter {
    /// The whole configuration in block style, keys in the order of the types' coding keys; it reads back to an equal
    /// value, except that a text loses a byte order mark at its start.
    ///
    /// - Determinism: equal values give the same text; numbers have the fewest digits that read back the same.
    /// - Throws: ``ConfigurationError`` when a type's own encoding fails.
    public static func write(_ configuration: some Encodable) throws(ConfigurationError) -> String {
        var lines: [String] = []
        append(try ConfigurationReader.tree(of: configuration), indent: "", prefix: "", to: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    /// The SHA-256 of the written configuration.
    ///
    /// - Throws: ``ConfigurationError`` when a type's own encoding fails.
    public static func digest(of configuration: some Encodable) throws(ConfigurationError) -> Digest {
        SHA256.hash(try write(configuration))
    }

    /// Appends `value`; its first line starts with `prefix` (a key or a dash), the others are indented by `indent`.
    private static func append(
        _ value: ConfigurationValue, indent: String, prefix: String, to lines: inout [String]
    ) {
        switch value {
        case .scalar(let scalar): lines.append(prefix + text(of: scalar))
        case .list([]): lines.append(prefix + "[]")
        case .section([]): lines.append(prefix + "{}")
        case .list(let elements):
            if !prefix.isEmpty { lines.append(trimmed(prefix)) }
            for element in elements { append(element, indent: indent + "  ", prefix: indent + "- ", to: &lines) }
        case .section(let entries):
            // A section in a list starts on the line of the dash.
            var lead = indent
            if prefix.hasSuffix("- ") { lead = prefix } else if !prefix.isEmpty { lines.append(trimmed(prefix)) }
            for entry in entries {
                let key = text(of: entry.key.scalar) + ": "
                append(entry.value, indent: indent + "  ", prefix: lead + key, to: &lines)
                lead = indent
            }
        }
    }

    private static func trimmed(_ prefix: String) -> String { String(prefix.dropLast()) }

    private static func text(of scalar: ConfigurationScalar) -> String {
        if !scalar.isQuoted && isPlain(scalar.text) { return scalar.text }
        return "\"" + scalar.text.unicodeScalars.map(escaped).joined() + "\""
    }

    /// Whether no character of a scalar has a meaning of its own in YAML.
    private static func isPlain(_ text: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        let isNumber = !ConfigurationScalar.isPlainText(text)
        guard let first = text.utf8.first, isWord(first) || isNumber && text.utf8.count > 1 else { return false }
        return text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\"": return "\\\""
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\t": return "\\t"
        case " ": return " "
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .unassigned, .privateUse:
            let digits = String(scalar.value, radix: 16)
            return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
        default: return String(scalar)
        }
    }
}
