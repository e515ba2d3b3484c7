import Foundation
import Hashing

/// Collects tensors and writes them as a safetensors file, without a copy of their elements.
public struct SafeTensorsWriter {
    /// Passes the bytes of a tensor on, in as many pieces as it likes.
    public typealias Contents = (_ consume: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

    private struct Entry {
        let description: TensorDescription
        let contents: Contents
    }

    /// The texts of `__metadata__`.
    public var metadata: [String: String]
    private var entries: [Entry] = []
    private var names: Set<String> = []

    /// Makes a writer without tensors.
    public init(metadata: [String: String] = [:]) { self.metadata = metadata }

    /// Adds a tensor whose bytes `contents` passes on when the file is written.
    ///
    /// - Throws: ``SafeTensorsError`` for a name that is taken or reserved and for a shape that is impossible.
    public mutating func add(
        _ tensor: TensorDescription, contents: @escaping Contents
    ) throws(SafeTensorsError) {
        guard tensor.name != SafeTensorsHeader.metadataKey else {
            throw SafeTensorsError("safetensors", tensor: tensor.name, "has a name that the format reserves")
        }
        guard tensor.byteCount != nil else {
            throw SafeTensorsError("safetensors", tensor: tensor.name, "has the impossible shape \(tensor.shape)")
        }
        guard names.insert(tensor.name).inserted else {
            throw SafeTensorsError("safetensors", tensor: tensor.name, "is added twice")
        }
        entries.append(Entry(description: tensor, contents: contents))
    }

    /// Adds a tensor with the given elements, row by row.
    ///
    /// - Throws: ``SafeTensorsError`` as for ``add(_:contents:)``.
    public mutating func add<Element: TensorElement>(
        _ name: String, shape: [Int], _ elements: [Element]
    ) throws(SafeTensorsError) {
        try add(TensorDescription(name, Element.elementType, shape)) { consume in
            try elements.withUnsafeBytes { try consume($0) }
        }
    }

    /// Adds a tensor that lies at `base`, which must stay valid until the file is written.
    ///
    /// - Throws: ``SafeTensorsError`` as for ``add(_:contents:)``.
    public mutating func add<Element: TensorElement>(
        _ name: String, shape: [Int], at base: UnsafePointer<Element>
    ) throws(SafeTensorsError) {
        let description = TensorDescription(name, Element.elementType, shape)
        let count = description.byteCount ?? 0
        try add(description) { try $0(UnsafeRawBufferPointer(start: base, count: count)) }
    }

    /// The size of the file in bytes.
    public var byteCount: Int { header.count + entries.reduce(0) { $0 + ($1.description.byteCount ?? 0) } }

    /// Passes the whole file on, piece by piece.
    ///
    /// - Determinism: the same tensors in the same order and the same metadata give the same bytes.
    /// - Throws: ``SafeTensorsError`` when a tensor's bytes are not as many as its shape needs, and what `consume` throws.
    public func write(_ consume: (UnsafeRawBufferPointer) throws -> Void) throws {
        try header.withUnsafeBytes { try consume($0) }
        for entry in aligned {
            var count = 0
            try entry.contents { piece in
                count += piece.count
                try consume(piece)
            }
            guard count == entry.description.byteCount else {
                throw SafeTensorsError(
                    "safetensors", tensor: entry.description.name,
                    "has \(count) bytes, but \(entry.description.type.rawValue) of shape \(entry.description.shape) needs "
                        + "\(entry.description.byteCount ?? 0)")
            }
        }
    }

    /// Writes the file at `path`; it appears there complete or not at all.
    ///
    /// - Throws: ``SafeTensorsError`` as for ``write(_:)``, ``FileError`` when the disk refuses.
    public func write(to path: String) throws {
        try AtomicFile.write(path) { file in try write { try file.write($0) } }
    }

    /// The whole file in memory.
    ///
    /// - Throws: ``SafeTensorsError`` as for ``write(_:)``.
    public func bytes() throws -> Data {
        var bytes = Data(capacity: byteCount)
        try write { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// What ``SafeTensorsFile/parameterHash()`` gives for the written file.
    ///
    /// - Throws: What the contents' closures throw.
    public func parameterHash() throws -> Digest {
        var hash = SHA256()
        for entry in entries.sorted(by: { $0.description.name.utf8.lexicographicallyPrecedes($1.description.name.utf8) }
        ) {
            try entry.contents { hash.update($0) }
        }
        return hash.finalize()
    }

    private var header: [UInt8] { SafeTensorsHeader.encoded(aligned.map(\.description), metadata: metadata) }

    /// The order in the file: as added, larger elements first, so that every tensor is aligned without gaps.
    private var aligned: [Entry] {
        [8, 4, 2, 1].flatMap { size in entries.filter { $0.description.type.byteCount == size } }
    }
}
