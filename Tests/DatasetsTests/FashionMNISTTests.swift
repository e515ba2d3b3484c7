import Configuration
import Datasets
import Foundation
import Testing

@Suite("Fashion-MNIST")
struct FashionMNISTTests {
    private static func header(_ sizes: [Int], magic: UInt8 = 8) -> [UInt8] {
        [0, 0, magic, UInt8(sizes.count)]
            + sizes.flatMap { size in (0..<4).reversed().map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } }
    }

    /// Uncompressed files: what reads gzip reads those, too.
    private static func folder(
        images: [UInt8]? = nil, labels: [UInt8]? = nil
    ) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (prefix, count) in [("train", 3), ("t10k", 2)] {
            let pixels = (0..<count * 784).map { UInt8(truncatingIfNeeded: $0 / 3) }
            let isTrain = prefix == "train"
            try folder.write(
                isTrain ? images ?? header([count, 28, 28]) + pixels : header([count, 28, 28]) + pixels,
                to: "fashion-mnist/\(prefix)-images-idx3-ubyte.gz")
            try folder.write(
                isTrain ? labels ?? header([count]) + [9, 0, 4] : header([count]) + [1, 2],
                to: "fashion-mnist/\(prefix)-labels-idx1-ubyte.gz")
        }
        return folder
    }

    @Test("pictures and labels are those of the files")
    func reads() throws {
        let folder = try Self.folder()
        let dataset = try FashionMNIST(in: folder.path)
        #expect(dataset.count(.train) == 3 && dataset.count(.test) == 2)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(2, of: .train, into: &sample)
        #expect(sample.label == 4)
        #expect(sample.pixels == (0..<784).map { UInt8(truncatingIfNeeded: ($0 + 2 * 784) / 3) })
        #expect(dataset.classes.count == 10 && dataset.digest.count == 64)
    }

    @Test("a wrong magic number, size or label, a truncated and a missing file are named")
    func namesFaults() throws {
        func fault(images: [UInt8]? = nil, labels: [UInt8]? = nil) throws -> String {
            let folder = try Self.folder(images: images, labels: labels)
            let error = try #require(throws: DatasetError.self) { _ = try FashionMNIST(in: folder.path) }
            #expect(error.remedy?.contains("convoy data fetch fashion_mnist") == true)
            return "\(error.file ?? "")\(error.offset.map { ", byte \($0)" } ?? ""): \(error.problem)"
                .replacing(folder.path + "/fashion-mnist/", with: "")
        }
        let pixels = [UInt8](repeating: 0, count: 3 * 784)
        #expect(
            try fault(images: Self.header([3, 28, 28], magic: 13) + pixels)
                == "train-images-idx3-ubyte.gz, byte 0: begins with 00 00 0d 03 where 00 00 08 03 was expected")
        #expect(
            try fault(images: Self.header([3, 28, 28]) + pixels.dropLast(5))
                == "train-images-idx3-ubyte.gz, byte 2363: holds 2347 bytes of data where its header says 3×28×28")
        #expect(
            try fault(images: Self.header([3, 14, 56]) + pixels)
                == "train-images-idx3-ubyte.gz, byte 8: holds pictures of 14×56 pixels where 28×28 were expected")
        #expect(
            try fault(labels: Self.header([2]) + [1, 2])
                == "train-labels-idx1-ubyte.gz, byte 4: holds 2 labels where 3 were expected")
        #expect(
            try fault(labels: Self.header([3]) + [1, 10, 2])
                == "train-labels-idx1-ubyte.gz: the label of picture 1 is 10 where 0...9 was expected")
        // The two bytes that begin a gzip file, and nothing that follows.
        #expect(try fault(labels: [0x1f, 0x8b, 8, 0]).hasPrefix("train-labels-idx1-ubyte.gz"))
        let folder = try Self.folder()
        try folder.remove("fashion-mnist/t10k-labels-idx1-ubyte.gz")
        let error = try #require(throws: DatasetError.self) { _ = try FashionMNIST(in: folder.path) }
        #expect(error.file?.hasSuffix("t10k-labels-idx1-ubyte.gz") == true)
        let nowhere = try #require(throws: DatasetError.self) { _ = try FashionMNIST(in: "/nowhere") }
        #expect("\(nowhere)".hasPrefix("/nowhere: holds no folder 'fashion-mnist' with fashion_mnist; "))
    }
}
