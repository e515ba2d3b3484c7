import Foundation
import Hashing

/// A safetensors file whose header has been checked, for reading by name.
public struct SafeTensorsFile: Sendable {
    /// The path, or what the bytes were called.
    public let name: String
    /// The texts of `__metadata__`.
    public var metadata: [String: String] { header.metadata }
    /// The tensors in the order of their bytes.
    public var tensors: [TensorDescription] { header.entries.map(\.description) }
    private let header: SafeTensorsHeader
    private let bytes: Data
    private let indices: [String: Int]

    /// Maps the file at `path` into memory; it must not be changed while it is in use.
    ///
    /// - Throws: ``SafeTensorsError`` when the file cannot be read or is damaged.
    public init(path: String) throws(SafeTensorsError) {
        let bytes: Data
        do {
            bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        } catch {
            let isMissing = !FileManager.default.fileExists(atPath: path)
            throw SafeTensorsError(path, isMissing ? "no such file; check the path" : "cannot be read as a file")
        }
        try self.init(bytes: bytes, name: path)
    }

    /// Reads from memory; errors speak of `name`.
    ///
    /// - Throws: ``SafeTensorsError`` when the bytes are damaged.
    public init(bytes: Data, name: String) throws(SafeTensorsError) {
        let header: SafeTensorsHeader
        do {
            header = try bytes.withUnsafeBytes { try SafeTensorsHeader(of: $0, file: name) }
        } catch let error as SafeTensorsError {
            throw error
        } catch {
            throw SafeTensorsError(name, "cannot be read: \(error)")
        }
        self.header = header
        self.name = name
        self.bytes = bytes
        let names = header.entries.map(\.description.name)
        indices = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    }

    /// What the file says of the tensor `name`; nil when it has none.
    public func description(of name: String) -> TensorDescription? {
        indices[name].map { header.entries[$0].description }
    }

    /// Calls `body` with the bytes of the tensor `name`, which may lie at any address.
    ///
    /// - Throws: ``SafeTensorsError`` when there is no such tensor, and what `body` throws.
    public func withBytes<Result>(
        of name: String, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        let range = try entry(name).range
        return try bytes.withUnsafeBytes { all in
            let start = header.dataStart + range.lowerBound
            return try body(UnsafeRawBufferPointer(rebasing: all[start..<start + range.count]))
        }
    }

    /// The elements of the tensor `name`, row by row.
    ///
    /// - Parameters:
    ///   - name: The tensor.
    ///   - type: What its elements must be.
    ///   - shape: What its shape must be; nil for any.
    /// - Throws: ``SafeTensorsError`` when there is no such tensor or it is not as expected.
    public func elements<Element: TensorElement>(
        _ name: String, as type: Element.Type = Element.self, shape: [Int]? = nil
    ) throws -> [Element] {
        let count = try expect(name, Element.elementType, shape).shape.reduce(1, *)
        return try withBytes(of: name) { source in
            [Element](unsafeUninitializedCapacity: count) { target, filled in
                UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
                filled = count
            }
        }
    }

    /// Copies the elements of the tensor `name` to `target`, which must hold as many as `shape` says.
    ///
    /// - Throws: ``SafeTensorsError`` when there is no such tensor or it is not as expected.
    public func copy<Element: TensorElement>(
        _ name: String, shape: [Int], to target: UnsafeMutablePointer<Element>
    ) throws {
        let size = try expect(name, Element.elementType, shape).byteCount ?? 0
        try withBytes(of: name) { source in
            UnsafeMutableRawBufferPointer(start: target, count: size).copyMemory(from: source)
        }
    }

    /// The SHA-256 over the bytes of all tensors, in ascending order of their names' UTF-8 bytes.
    ///
    /// - Determinism: depends on names and bytes alone, not on the order in the file or on the metadata.
    public func parameterHash() -> Digest {
        var hash = SHA256()
        bytes.withUnsafeBytes { all in
            for entry in header.entries.sorted(by: {
                $0.description.name.utf8.lexicographicallyPrecedes($1.description.name.utf8)
            }) {
                let start = header.dataStart + entry.range.lowerBound
                hash.update(UnsafeRawBufferPointer(rebasing: all[start..<start + entry.range.count]))
            }
        }
        return hash.finalize()
    }

    private func entry(_ name: String) throws(SafeTensorsError) -> SafeTensorsHeader.Entry {
        guard let index = indices[name] else { throw SafeTensorsError(self.name, tensor: name, "is missing") }
        return header.entries[index]
    }

    private func expect(
        _ name: String, _ type: ElementType, _ shape: [Int]?
    ) throws(SafeTensorsError) -> TensorDescription {
        let found = try entry(name).description
        let shape = shape ?? found.shape
        guard found.type == type, found.shape == shape else {
            throw SafeTensorsError(
                self.name, tensor: name,
                "is \(found.type.rawValue) of shape \(found.shape), expected \(type.rawValue) of shape \(shape)")
        }
        return found
    }
}
