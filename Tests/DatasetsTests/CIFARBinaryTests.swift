import Datasets
import Foundation
import Testing

@Suite("CIFAR")
struct CIFARBinaryTests {
    /// Three records in each training file and two in the test file, in the official layout.
    private static var small10: CIFARVariant {
        var variant = CIFARVariant.cifar10
        variant.trainRecords = 3
        variant.testRecords = 2
        return variant
    }

    private static var small100: CIFARVariant {
        var variant = CIFARVariant.cifar100
        variant.trainRecords = 3
        variant.testRecords = 2
        return variant
    }

    private static let names10 = "airplane automobile bird cat deer dog frog horse ship truck"
    private static let own10 = "cifar-10-batches-bin"

    /// Byte `position` of the planes of the sample numbered `serial`.
    private static func byte(_ serial: Int, _ position: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: serial &* 31 &+ position &* 7 &+ position / 1024)
    }

    private static func record(_ labels: [UInt8], serial: Int) -> [UInt8] {
        labels + (0..<3072).map { byte(serial, $0) }
    }

    private static func writeSmall10() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(
            Array(names10.replacingOccurrences(of: " ", with: "\n").utf8) + [10, 10], to: own10 + "/batches.meta.txt")
        for file in 0..<5 {
            let records = (0..<3).flatMap { record([UInt8((file + $0) % 10)], serial: 3 * file + $0) }
            try folder.write(records, to: own10 + "/data_batch_\(file + 1).bin")
        }
        try folder.write((0..<2).flatMap { record([UInt8(9 - $0)], serial: 100 + $0) }, to: own10 + "/test_batch.bin")
        return folder
    }

    private static func failure(_ variant: CIFARVariant, in folder: TemporaryFolder) -> String {
        do throws(DatasetError) {
            _ = try CIFARBinary(variant, in: folder.path)
            return "no error"
        } catch {
            return "\(error)".replacingOccurrences(of: folder.path, with: "FOLDER")
        }
    }

    private static let remedy =
        "unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz into the folder that data.path or $CONVOY_DATA "
        + "names"

    @Test("samples of all files are read in order, planes interleaved")
    func readsSamples() throws {
        let folder = try Self.writeSmall10()
        let dataset = try CIFARBinary(Self.small10, in: folder.path)
        #expect(dataset.name == "cifar10")
        #expect(dataset.classes == Self.names10.split(separator: " ").map(String.init))
        #expect(dataset.count(.train) == 15)
        #expect(dataset.count(.test) == 2)
        var sample = Sample(SampleShape(height: 1, width: 1, channels: 1))
        for (split, first, labels) in [
            (Split.train, 0, (0..<15).map { ($0 / 3 + $0 % 3) % 10 }), (.test, 100, [9, 8]),
        ] {
            for (index, label) in labels.enumerated() {
                try dataset.read(index, of: split, into: &sample)
                #expect(sample.label == label)
                let expected = (0..<3072).map { Self.byte(first + index, $0 % 3 * 1024 + $0 / 3) }
                #expect(sample.pixels == expected, "sample \(index) of \(split)")
            }
        }
    }

    @Test("of the two labels of CIFAR-100 the fine one counts")
    func readsFineLabels() throws {
        let folder = try TemporaryFolder()
        let names = (0..<100).map { "class\($0)" }
        try folder.write(Array(names.joined(separator: "\n").utf8), to: "cifar-100-binary/fine_label_names.txt")
        let train = (0..<3).flatMap { Self.record([UInt8($0), UInt8(99 - $0)], serial: $0) }
        try folder.write(train, to: "cifar-100-binary/train.bin")
        try folder.write(
            (0..<2).flatMap { Self.record([200, UInt8(50 + $0)], serial: $0) }, to: "cifar-100-binary/test.bin")
        let dataset = try CIFARBinary(Self.small100, in: folder.path)
        #expect(dataset.classes == names)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(2, of: .train, into: &sample)
        #expect(sample.label == 97)
        #expect(sample.pixels[3] == Self.byte(2, 1))
        try dataset.read(1, of: .test, into: &sample)
        #expect(sample.label == 51)
    }

    @Test("the digest changes with any byte")
    func digestsContent() throws {
        let folder = try Self.writeSmall10()
        let before = try CIFARBinary(Self.small10, in: folder.path).digest
        #expect(try CIFARBinary(Self.small10, in: folder.path).digest == before)
        var bytes = try folder.read(Self.own10 + "/data_batch_4.bin")
        bytes[5000] ^= 1
        try folder.write(bytes, to: Self.own10 + "/data_batch_4.bin")
        #expect(try CIFARBinary(Self.small10, in: folder.path).digest != before)
    }

    @Test("a missing folder is named with where to get the data")
    func namesMissingFolder() throws {
        #expect(
            Self.failure(.cifar10, in: try TemporaryFolder())
                == "FOLDER: holds no folder 'cifar-10-batches-bin' with cifar10; \(Self.remedy)")
    }

    @Test("a missing file is named")
    func namesMissingFile() throws {
        let folder = try Self.writeSmall10()
        try folder.remove(Self.own10 + "/data_batch_2.bin")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/data_batch_2.bin: cannot be opened: No such file or directory; "
                + Self.remedy)
    }

    @Test("a truncated file is named with the byte at which it ends")
    func namesTruncation() throws {
        let folder = try Self.writeSmall10()
        let bytes = try folder.read(Self.own10 + "/test_batch.bin")
        try folder.write(bytes.dropLast(100), to: Self.own10 + "/test_batch.bin")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/test_batch.bin, byte 6046: the file ends after 6046 bytes where 6146 were "
                + "expected (2 records of 3073); \(Self.remedy)")
    }

    @Test("a file that is too long is named with the first byte too many")
    func namesExcess() throws {
        let folder = try Self.writeSmall10()
        let bytes = try folder.read(Self.own10 + "/test_batch.bin")
        try folder.write(bytes + [0], to: Self.own10 + "/test_batch.bin")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/test_batch.bin, byte 6146: the file goes on to 6147 bytes where 6146 were "
                + "expected (2 records of 3073); \(Self.remedy)")
    }

    @Test("official file names ask for official sizes")
    func asksForOfficialSizes() throws {
        #expect(
            Self.failure(.cifar10, in: try Self.writeSmall10())
                == "FOLDER/cifar-10-batches-bin/data_batch_1.bin, byte 9219: the file ends after 9219 bytes where 30730000 "
                + "were expected (10000 records of 3073); \(Self.remedy)")
    }

    @Test("a label that is no class is named with record and byte")
    func namesWrongLabel() throws {
        let folder = try Self.writeSmall10()
        var bytes = try folder.read(Self.own10 + "/data_batch_5.bin")
        bytes[2 * 3073] = 10
        try folder.write(bytes, to: Self.own10 + "/data_batch_5.bin")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/data_batch_5.bin, byte 6146: the label of record 2 is 10 where 0...9 was "
                + "expected; \(Self.remedy)")
    }

    @Test("a list of class names of the wrong length is named")
    func namesWrongClassCount() throws {
        let folder = try Self.writeSmall10()
        try folder.write(Array("cat\ndog\n".utf8), to: Self.own10 + "/batches.meta.txt")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/batches.meta.txt: 2 class names where 10 were expected; \(Self.remedy)")
        try folder.remove(Self.own10 + "/batches.meta.txt")
        #expect(
            Self.failure(Self.small10, in: folder)
                == "FOLDER/cifar-10-batches-bin/batches.meta.txt: the list of class names cannot be read; \(Self.remedy)"
        )
    }

    @Test("a file that shrinks after it was opened is an error that names the byte")
    func survivesShrinkingFile() throws {
        let folder = try Self.writeSmall10()
        let dataset = try CIFARBinary(Self.small10, in: folder.path)
        #expect(truncate(folder.path + "/" + Self.own10 + "/data_batch_1.bin", 4000) == 0)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(0, of: .train, into: &sample)
        let error = try #require(throws: DatasetError.self) { try dataset.read(1, of: .train, into: &sample) }
        #expect(
            error.description.replacingOccurrences(of: folder.path, with: "FOLDER")
                == "FOLDER/cifar-10-batches-bin/data_batch_1.bin, byte 4000: the file ends where 2146 more bytes were "
                + "expected; \(Self.remedy)")
    }
}

@Suite("CIFAR-10 as released")
struct ReleasedCIFARTests {
    private static let folder = ProcessInfo.processInfo.environment["CONVOY_DATA"]
    private static let needed: Comment = "needs CIFAR-10 in the folder that CONVOY_DATA names"

    private static var isThere: Bool {
        folder.map { FileManager.default.fileExists(atPath: $0 + "/cifar-10-batches-bin") } ?? false
    }

    @Test("content, first labels and statistics are the known ones", .enabled(if: isThere, needed))
    func readsRelease() throws {
        var configuration = DataConfiguration()
        configuration.name = "cifar10"
        let dataset = try DatasetCatalog.open(configuration, environmentPath: Self.folder)
        // SHA-256 over data_batch_1.bin … data_batch_5.bin and test_batch.bin of the release.
        #expect(dataset.digest == "013ba16d14ecc4829da62bf2af648ca30f600491ecb3e7f329c827db0dd17522")
        #expect(dataset.count(.train) == 50000)
        #expect(dataset.count(.test) == 10000)
        var sample = Sample(dataset.sampleShape)
        try dataset.read(0, of: .train, into: &sample)
        #expect(dataset.classes[sample.label] == "frog")
        try dataset.read(0, of: .test, into: &sample)
        #expect(dataset.classes[sample.label] == "cat")
        // Every 50th training image: enough for two digits, quick without optimisation.
        let indices = Array(stride(from: 0, to: 50000, by: 50))
        try expectStatistics(of: dataset, over: indices, tolerance: 0.01)
    }
}

/// Checks a data set's normalization against the mean and deviation of some training samples.
func expectStatistics(of dataset: any Dataset, over indices: [Int], tolerance: Float) throws {
    var sample = Sample(dataset.sampleShape)
    let channels = dataset.sampleShape.channels
    var sums = [Int](repeating: 0, count: channels)
    var squares = sums
    var count = 0.0
    for index in indices {
        try dataset.read(index, of: .train, into: &sample)
        count += Double(sample.shape.count / channels)
        sample.withPixels { pixels in
            for channel in 0..<channels {
                var sum = 0
                var square = 0
                var place = channel
                while place < pixels.count {
                    let value = Int(pixels[place])
                    sum += value
                    square += value * value
                    place += channels
                }
                sums[channel] += sum
                squares[channel] += square
            }
        }
    }
    for channel in 0..<channels {
        let mean = Double(sums[channel]) / count
        let deviation = (Double(squares[channel]) / count - mean * mean).squareRoot()
        #expect(abs(Float(mean / 255) - dataset.normalization.mean[channel]) < tolerance, "mean of channel \(channel)")
        #expect(
            abs(Float(deviation / 255) - dataset.normalization.deviation[channel]) < tolerance,
            "deviation of channel \(channel)")
    }
}
