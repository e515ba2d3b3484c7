import Foundation
import Hashing

/// CIFAR-10 or CIFAR-100 in the official binary version: photographs of 32 × 32 pixels in red, green and blue.
///
/// Opening reads all files once: sizes and labels are checked and the digest is made in the same pass (0.15 s for
/// CIFAR-10 from the page cache). Samples are then read from the files one by one.
///
/// - Source: Krizhevsky 2009, "Learning multiple layers of features from tiny images";
///   https://www.cs.toronto.edu/~kriz/cifar.html describes the files.
public struct CIFARBinary: Dataset {
    /// CIFAR-10 in the catalogue.
    public static let cifar10 = DatasetEntry(
        name: CIFARVariant.cifar10.name, summary: "photographs of 10 classes, 32×32 RGB, 50000 train and 10000 test",
        augment: [RandomCrop(), HorizontalFlip()]
    ) { (_, folder) throws(DatasetError) in try CIFARBinary(.cifar10, in: folder) }

    /// CIFAR-100 in the catalogue.
    public static let cifar100 = DatasetEntry(
        name: CIFARVariant.cifar100.name, summary: "photographs of 100 classes, 32×32 RGB, 50000 train and 10000 test",
        augment: [RandomCrop(), HorizontalFlip()]
    ) { (_, folder) throws(DatasetError) in try CIFARBinary(.cifar100, in: folder) }

    /// The names of the classes, from the data set's own list.
    public let classes: [String]
    /// The hexadecimal SHA-256 over the record files' bytes, training files first, in the order of their numbers.
    public let digest: String
    private let variant: CIFARVariant
    private let train: [RecordFile]
    private let test: [RecordFile]

    /// Opens the variant's own folder inside `folder`.
    ///
    /// - Throws: When a file is missing or not what it should be, with file, byte, what was expected and the remedy.
    package init(_ variant: CIFARVariant, in folder: String) throws(DatasetError) {
        self.variant = variant
        let own = folder + "/" + variant.folder
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: own, isDirectory: &isFolder), isFolder.boolValue else {
            throw DatasetError(
                file: folder, problem: "holds no folder '\(variant.folder)' with \(variant.name)",
                remedy: variant.remedy)
        }
        classes = try Self.classNames(own + "/" + variant.namesFile, of: variant)
        var hash = SHA256()
        train = try Self.open(variant.trainFiles, records: variant.trainRecords, in: own, of: variant, hash: &hash)
        test = try Self.open([variant.testFile], records: variant.testRecords, in: own, of: variant, hash: &hash)
        digest = hash.finalize().hexadecimal
    }

    /// The name in the catalogue.
    public var name: String { variant.name }
    /// 32 × 32 pixels of 3 channels.
    public var sampleShape: SampleShape { SampleShape(height: 32, width: 32, channels: 3) }
    /// The statistics over the 50000 training images.
    public var normalization: Normalization { variant.normalization }

    /// The number of samples in `split`.
    public func count(_ split: Split) -> Int {
        switch split {
        case .train: train.count * variant.trainRecords
        case .test: test.count * variant.testRecords
        }
    }

    /// Reads sample `index` of `split` and interleaves its three planes.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        precondition((0..<count(split)).contains(index), "\(name) has no sample \(index) in \(split)")
        let records = split == .train ? variant.trainRecords : variant.testRecords
        let file = (split == .train ? train : test)[index / records]
        let layout = variant.layout
        sample.reshape(to: sampleShape)
        sample.label = try withUnsafeTemporaryAllocation(byteCount: layout.bytes, alignment: 16) {
            (record) throws(DatasetError) in
            try file.read(index % records, into: record)
            sample.withMutablePixels { pixels in
                let plane = RecordLayout.pixelBytes / 3
                for pixel in 0..<plane {
                    for channel in 0..<3 {
                        pixels[3 * pixel + channel] = record[layout.labelBytes + channel * plane + pixel]
                    }
                }
            }
            return Int(record[layout.labelOffset])
        }
    }

    private static func open(
        _ names: [String], records: Int, in folder: String, of variant: CIFARVariant, hash: inout SHA256
    ) throws(DatasetError) -> [RecordFile] {
        var files: [RecordFile] = []
        for name in names {
            files.append(
                try RecordFile(
                    path: folder + "/" + name, records: records, layout: variant.layout, remedy: variant.remedy,
                    hash: &hash))
        }
        return files
    }

    private static func classNames(_ path: String, of variant: CIFARVariant) throws(DatasetError) -> [String] {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw DatasetError(
                file: path, problem: "the list of class names cannot be read", remedy: variant.remedy)
        }
        let names = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard names.count == variant.layout.classes else {
            throw DatasetError(
                file: path, problem: "\(names.count) class names where \(variant.layout.classes) were expected",
                remedy: variant.remedy)
        }
        return names
    }
}
