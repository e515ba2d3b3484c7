/// A JSON value whose objects keep every key, so that duplicates can be refused.
enum StrictJSON {
    case object([Member])
    case array([StrictJSON])
    case string(String)
    case integer(Int)
    /// A value without meaning in the headers read here: a fraction, a truth value or null.
    case other

    struct Member {
        let key: String
        let value: StrictJSON
    }

    /// Where and why a text is no JSON.
    struct SyntaxError: Error, Equatable {
        let offset: Int
        let problem: String
    }

    /// Parses all of `bytes`; spaces may follow the value.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(SyntaxError) -> StrictJSON {
        var parser = Parser(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.offset == bytes.count else { throw parser.error("unexpected bytes after the value") }
        return value
    }

    /// The text as a JSON string with its quotes.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

private struct Parser {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    func error(_ problem: String) -> StrictJSON.SyntaxError { .init(offset: offset, problem: problem) }

    private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { offset += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard current == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    mutating func value(depth: Int) throws(StrictJSON.SyntaxError) -> StrictJSON {
        // A header is an object of objects of arrays; the bound keeps hostile nesting off the stack.
        guard depth < 8 else { throw error("nested too deeply") }
        if skip("{") { return try object(depth: depth) }
        if skip("[") { return try array(depth: depth) }
        if skip("\"") { return .string(try string()) }
        return try literal()
    }

    private mutating func object(depth: Int) throws(StrictJSON.SyntaxError) -> StrictJSON {
        var entries: [StrictJSON.Member] = []
        if skip("}") { return .object(entries) }
        repeat {
            guard skip("\"") else { throw error("expected a key") }
            let key = try string()
            guard skip(":") else { throw error("expected ':'") }
            entries.append(.init(key: key, value: try value(depth: depth + 1)))
        } while skip(",")
        guard skip("}") else { throw error("expected ',' or '}'") }
        return .object(entries)
    }

    private mutating func array(depth: Int) throws(StrictJSON.SyntaxError) -> StrictJSON {
        var elements: [StrictJSON] = []
        if skip("]") { return .array(elements) }
        repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
        guard skip("]") else { throw error("expected ',' or ']'") }
        return .array(elements)
    }

    private mutating func literal() throws(StrictJSON.SyntaxError) -> StrictJSON {
        let start = offset
        while let byte = current, isLiteral(byte) { offset += 1 }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if let integer = Int(text), !text.hasPrefix("+") { return .integer(integer) }
        guard ["true", "false", "null"].contains(text) || Double(text) != nil else {
            offset = start
            throw error("expected a value")
        }
        return .other
    }

    private func isLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The rest of a string whose opening quote is behind.
    private mutating func string() throws(StrictJSON.SyntaxError) -> String {
        var text: [UInt8] = []
        while let byte = current {
            offset += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("a string is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw error("a string holds a control character")
            default: text.append(byte)
            }
        }
        throw error("a string does not end")
    }

    /// The UTF-8 bytes of an escape whose backslash is behind.
    private mutating func escape() throws(StrictJSON.SyntaxError) -> [UInt8] {
        guard let byte = current else { throw error("a string does not end") }
        offset += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if 0xd800..<0xdc00 ~= code, current == UInt8(ascii: "\\") {
                offset += 1
                guard current == UInt8(ascii: "u") else { throw error("half of a surrogate pair is missing") }
                offset += 1
                let low = try codeUnit()
                guard 0xdc00..<0xe000 ~= low else { throw error("half of a surrogate pair is missing") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair is missing") }
            return Array(String(Character(scalar)).utf8)
        default: throw error("unknown escape in a string")
        }
    }

    private mutating func codeUnit() throws(StrictJSON.SyntaxError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("expected four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            offset += 1
        }
        return code
    }
}
