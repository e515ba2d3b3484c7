import Archives
import Hashing

/// A file of bytes with one to three dimensions in the format of MNIST, compressed with gzip.
///
/// - Source: http://yann.lecun.com/exdb/mnist describes the format: two zero bytes, the type (8: bytes), the number of
///   dimensions, and each size as four bytes, the highest first.
struct IDXFile: Sendable {
    /// The size of each dimension.
    let sizes: [Int]
    private let bytes: [UInt8]
    private let start: Int

    /// Reads the file at `path`, which must have `dimensions` dimensions, and adds its content to `hash`.
    ///
    /// - Throws: When it is missing, damaged, or not such a file.
    init(_ path: String, dimensions: Int, remedy: String, hash: inout SHA256) throws(DatasetError) {
        do {
            bytes = try Archive.decompress(path)
        } catch {
            throw DatasetError(file: path, problem: error.problem, remedy: remedy)
        }
        let content = bytes
        start = 4 + 4 * dimensions
        let magic: [UInt8] = [0, 0, 8, UInt8(dimensions)]
        guard content.count >= start, Array(content[..<4]) == magic else {
            throw DatasetError(
                file: path, offset: 0,
                problem: "begins with \(Self.hexadecimal(content.prefix(4))) where \(Self.hexadecimal(magic[...])) "
                    + "was expected", remedy: remedy)
        }
        sizes = (1...dimensions).map { place in
            content[4 * place..<4 * place + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        // Sizes below 2³² each: the product of three may not fit.
        let expected = Self.product(sizes)
        guard let expected, content.count == start + expected else {
            throw DatasetError(
                file: path, offset: min(content.count, start + (expected ?? 0)),
                problem: "holds \(content.count - start) bytes of data where its header says "
                    + sizes.map(String.init).joined(separator: "×"), remedy: remedy)
        }
        content.withUnsafeBytes { hash.update($0) }
    }

    /// Calls `body` with the bytes of entry `index` of the first dimension.
    func withEntry<Result>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        let size = sizes.dropFirst().reduce(1, *)
        return bytes.withUnsafeBufferPointer { all in
            body(UnsafeBufferPointer(rebasing: all[start + index * size..<start + (index + 1) * size]))
        }
    }

    private static func product(_ sizes: [Int]) -> Int? {
        var product = 1
        for size in sizes {
            let (next, overflows) = product.multipliedReportingOverflow(by: size)
            if overflows { return nil }
            product = next
        }
        return product
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
