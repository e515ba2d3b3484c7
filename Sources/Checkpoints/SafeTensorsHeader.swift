/// The header of a safetensors file: which tensors lie where.
///
/// The file is the header's length as an unsigned little-endian integer of 64 bits, the header as JSON, and the
/// tensors' bytes in row-major order without gaps.
/// - Source: the format of the safetensors library, version 0.4 and later.
struct SafeTensorsHeader {
    struct Entry {
        let description: TensorDescription
        /// Offsets relative to the first byte after the header.
        let range: Range<Int>
    }

    /// The tensors in the order of their bytes.
    let entries: [Entry]
    let metadata: [String: String]
    /// Where the tensors' bytes start in the file.
    let dataStart: Int

    /// A longer header is refused before anything is allocated for it.
    static let longest = 100_000_000
    static let metadataKey = "__metadata__"

    /// Reads and checks the header of a whole file.
    init(of bytes: UnsafeRawBufferPointer, file: String) throws(SafeTensorsError) {
        guard bytes.count >= 8 else {
            throw SafeTensorsError(file, "has \(bytes.count) bytes, too few for a safetensors header")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= Self.longest else {
            throw SafeTensorsError(
                file,
                "claims a header of \(length) bytes, more than the \(Self.longest) allowed; it is no safetensors file")
        }
        guard Int(length) <= bytes.count - 8 else {
            throw SafeTensorsError(
                file, "ends within its header: \(length) bytes are announced, \(bytes.count - 8) follow")
        }
        let text = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + Int(length)])
        guard text.first == UInt8(ascii: "{") else {
            throw SafeTensorsError(file, "has a header that does not start with '{'; it is no safetensors file")
        }
        let root: StrictJSON
        do {
            root = try StrictJSON.parse(text)
        } catch {
            throw SafeTensorsError(file, "has a damaged header: \(error.problem) at byte \(8 + error.offset)")
        }
        guard case .object(let members) = root else { throw SafeTensorsError(file, "has a header that is no object") }
        var metadata: [String: String]?
        var entries: [Entry] = []
        for member in members {
            if member.key == Self.metadataKey {
                guard metadata == nil else {
                    throw SafeTensorsError(file, "has two entries '\(member.key)' in its header")
                }
                metadata = try Self.metadata(member.value, file: file)
            } else {
                entries.append(try Self.entry(member.key, member.value, file: file))
            }
        }
        self.metadata = metadata ?? [:]
        dataStart = 8 + Int(length)
        self.entries = entries.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        try check(dataCount: bytes.count - dataStart, file: file)
    }

    private static func metadata(_ value: StrictJSON, file: String) throws(SafeTensorsError) -> [String: String] {
        var result: [String: String] = [:]
        guard case .object(let members) = value else {
            throw SafeTensorsError(file, "has '\(metadataKey)' that is no object of texts")
        }
        for member in members {
            guard case .string(let text) = member.value else {
                throw SafeTensorsError(file, "has '\(metadataKey)' that is no object of texts")
            }
            guard result.updateValue(text, forKey: member.key) == nil else {
                throw SafeTensorsError(file, "has two entries '\(member.key)' in '\(metadataKey)'")
            }
        }
        return result
    }

    private static func entry(_ name: String, _ value: StrictJSON, file: String) throws(SafeTensorsError) -> Entry {
        func error(_ problem: String) -> SafeTensorsError { SafeTensorsError(file, tensor: name, problem) }
        guard case .object(let members) = value else { throw error("is not described by an object") }
        let fields = Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
        guard members.count == 3, fields.count == 3, case .string(let typeName)? = fields["dtype"],
            let shape = naturals(fields["shape"]), let offsets = naturals(fields["data_offsets"]), offsets.count == 2
        else { throw error("needs a dtype, a shape and data_offsets of two numbers, each once and nothing else") }
        guard let type = ElementType(rawValue: typeName) else {
            let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
            throw error("has the unknown dtype '\(typeName)'; known: \(known)")
        }
        guard offsets[0] <= offsets[1] else {
            throw error("ends at byte \(offsets[1]), before its start \(offsets[0])")
        }
        let description = TensorDescription(name, type, shape)
        let size = offsets[1] - offsets[0]
        guard description.byteCount == size else {
            let needed = description.byteCount.map { "\($0)" } ?? "more than 2^63"
            throw error("has \(size) bytes, but \(typeName) of shape \(shape) needs \(needed)")
        }
        return Entry(description: description, range: offsets[0]..<offsets[1])
    }

    private static func naturals(_ value: StrictJSON?) -> [Int]? {
        guard case .array(let elements)? = value else { return nil }
        var numbers: [Int] = []
        for element in elements {
            guard case .integer(let number) = element, number >= 0 else { return nil }
            numbers.append(number)
        }
        return numbers
    }

    /// Checks that names differ and that the tensors cover the data without gap and overlap.
    private func check(dataCount: Int, file: String) throws(SafeTensorsError) {
        var names: Set<String> = []
        var end = 0
        for entry in entries {
            let name = entry.description.name
            guard names.insert(name).inserted else { throw SafeTensorsError(file, tensor: name, "is described twice") }
            guard entry.range.lowerBound == end else {
                let fault = entry.range.lowerBound < end ? "overlaps the one before" : "leaves a gap before it"
                throw SafeTensorsError(file, tensor: name, "starts at byte \(entry.range.lowerBound) and \(fault)")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw SafeTensorsError(file, "holds \(dataCount) bytes of data, but its header describes \(end)")
        }
    }

    /// The first bytes of a file with these tensors in this order: length, JSON, and spaces that align the data.
    static func encoded(_ tensors: [TensorDescription], metadata: [String: String]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }
                .map { "\(StrictJSON.quoted($0.key)):\(StrictJSON.quoted($0.value))" }
            members.append("\"\(metadataKey)\":{\(texts.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let end = offset + (tensor.byteCount ?? 0)
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(StrictJSON.quoted(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: -text.count & 7)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }
}
