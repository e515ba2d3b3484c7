import Checkpoints
import Datasets
import Foundation
import Testing

/// Bytes of pictures from a fixture that a script in `scripts/golden` wrote.
struct PixelFixture {
    private let file: SafeTensorsFile

    init(_ name: String) throws { file = try SafeTensorsFile(path: Self.path("\(name).safetensors")) }

    /// Where a fixture lies.
    static func path(_ name: String) throws -> String {
        try #require(Bundle.module.resourceURL).appending(path: "Fixtures/\(name)").path
    }

    /// The bytes of the tensor `key`.
    func bytes(_ key: String) throws -> [UInt8] { try file.withBytes(of: key) { Array($0) } }

    /// The shape of the tensor `key`.
    func shape(_ key: String) throws -> [Int] { try #require(file.description(of: key)).shape }

    /// The numbers of the tensor `key`.
    func numbers(_ key: String) throws -> [Float] { try file.elements(key) }

    /// The picture `key` as a sample.
    func sample(_ key: String) throws -> Sample {
        let shape = try shape(key)
        let bytes = try bytes(key)
        var sample = Sample(SampleShape(height: shape[0], width: shape[1], channels: shape.count > 2 ? shape[2] : 1))
        sample.withMutablePixels { _ = $0.update(fromContentsOf: bytes) }
        return sample
    }
}

/// The largest difference of two lists of bytes.
func largestDifference(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Int {
    left.count == right.count ? zip(left, right).map { abs(Int($0) - Int($1)) }.max() ?? 0 : .max
}
