/// A scalar as it stands in a YAML document: its text, and whether quotes make it text whatever it looks like.
///
/// Plain scalars follow the core schema of YAML 1.2: `yes`, `on`, `012` and `1:30` are not read as something else.
public struct ConfigurationScalar: Hashable, Sendable {
    /// The characters without quotes.
    public let text: String
    /// Whether quotes make text of what would be null, a truth value or a number without them.
    public let isQuoted: Bool

    /// Makes a scalar of the characters of a document and whether they stood in quotes.
    public init(text: String, isQuoted: Bool) {
        // Equal meaning, equal value: quotes that change nothing are forgotten, and null has one spelling.
        self.isQuoted = isQuoted && !Self.isPlainText(text)
        self.text = !isQuoted && Self.nulls.contains(text) ? "null" : text
    }

    /// Whether the scalar is YAML's null.
    public var isNull: Bool { !isQuoted && text == "null" }

    /// The truth value; nil when the scalar is none.
    public var boolean: Bool? {
        if isQuoted { return nil }
        return switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// The whole number, decimal, `0x…` or `0o…`; nil when the scalar is none or does not fit.
    public func integer<Integer: FixedWidthInteger>() -> Integer? {
        if isQuoted { return nil }
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            return digits.first?.isHexDigit == true ? Integer(digits, radix: radix) : nil
        }
        return Integer(text)
    }

    /// The number; nil when the scalar is none or is too large for the type.
    public func number<Number: BinaryFloatingPoint & LosslessStringConvertible>() -> Number? {
        if isQuoted { return nil }
        switch text {
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .infinity
        case "-.inf", "-.Inf", "-.INF": return -.infinity
        case ".nan", ".NaN", ".NAN": return .nan
        default:
            let isDecimal = text.utf8.allSatisfy { Self.decimalCharacters.contains($0) }
            guard isDecimal, let number = Number(text), number.isFinite else { return nil }
            return number
        }
    }

    /// Whether a plain scalar with this text would be read as text.
    static func isPlainText(_ text: String) -> Bool {
        let plain = ConfigurationScalar(text: text, isQuoted: false)
        let integer: Int64? = plain.integer()
        let natural: UInt64? = plain.integer()
        let number: Double? = plain.number()
        return !plain.isNull && plain.boolean == nil && integer == nil && natural == nil && number == nil
    }

    private static let nulls: Set = ["", "~", "null", "Null", "NULL"]
    private static let decimalCharacters = Set("0123456789+-.eE".utf8)
}

/// A type that a single scalar holds.
protocol ScalarCodable: Codable {
    /// What an error says was expected.
    static var expectation: String { get }
    /// Reads a scalar; nil when it holds something else.
    init?(_ scalar: ConfigurationScalar)
    /// The scalar that reads back as this value.
    var scalar: ConfigurationScalar { get }
}

extension Bool: ScalarCodable {
    static var expectation: String { "true or false" }
    init?(_ scalar: ConfigurationScalar) {
        guard let value = scalar.boolean else { return nil }
        self = value
    }
    var scalar: ConfigurationScalar { ConfigurationScalar(text: description, isQuoted: false) }
}

extension String: ScalarCodable {
    static var expectation: String { "text" }
    init?(_ scalar: ConfigurationScalar) {
        if scalar.isNull { return nil }
        self = scalar.text
    }
    var scalar: ConfigurationScalar {
        ConfigurationScalar(text: self, isQuoted: !ConfigurationScalar.isPlainText(self))
    }
}

extension ScalarCodable where Self: BinaryFloatingPoint & LosslessStringConvertible {
    static var expectation: String { "a number" }
    init?(_ scalar: ConfigurationScalar) {
        guard let value: Self = scalar.number() else { return nil }
        self = value
    }
    // The shortest text that reads back as the same number.
    var scalar: ConfigurationScalar {
        let text = isFinite ? description : isNaN ? ".nan" : sign == .minus ? "-.inf" : ".inf"
        return ConfigurationScalar(text: text, isQuoted: false)
    }
}

extension ScalarCodable where Self: FixedWidthInteger {
    static var expectation: String {
        Self.self == Int.self ? "a whole number" : "a whole number from \(Self.min) to \(Self.max)"
    }
    init?(_ scalar: ConfigurationScalar) {
        guard let value: Self = scalar.integer() else { return nil }
        self = value
    }
    var scalar: ConfigurationScalar { ConfigurationScalar(text: description, isQuoted: false) }
}

extension Double: ScalarCodable {}
extension Float: ScalarCodable {}
extension Int: ScalarCodable {}
extension Int8: ScalarCodable {}
extension Int16: ScalarCodable {}
extension Int32: ScalarCodable {}
extension Int64: ScalarCodable {}
extension UInt: ScalarCodable {}
extension UInt8: ScalarCodable {}
extension UInt16: ScalarCodable {}
extension UInt32: ScalarCodable {}
extension UInt64: ScalarCodable {}
