import Foundation
import Hashing

/// Fashion-MNIST: pictures of clothes, 28 × 28 pixels in grey, from the four official files.
///
/// Opening decompresses all files to memory, 55 megabytes.
///
/// - Source: Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
///   algorithms"; https://github.com/zalandoresearch/fashion-mnist.
public struct FashionMNIST: Dataset {
    /// The data set in the catalogue.
    public static let entry = DatasetEntry(
        name: "fashion_mnist", summary: "pictures of clothes of 10 classes, 28×28 grey, 60000 train and 10000 test",
        augment: [RandomCrop(padding: 2), HorizontalFlip()]
    ) { (_, folder) throws(DatasetError) in try FashionMNIST(in: folder) }

    /// The SHA-256 of what each official file holds.
    static let contents = [
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ]
    private static let ownFolder = "fashion-mnist"
    private static let remedy =
        "install Debian's package dataset-fashion-mnist and set data.path to /usr/share/datasets, or run "
        + "'convoy data fetch fashion_mnist'"

    private struct Part: Sendable {
        let images: IDXFile
        let labels: IDXFile

        init(_ prefix: String, in folder: String, hash: inout SHA256) throws(DatasetError) {
            let imagePath = "\(folder)/\(prefix)-images-idx3-ubyte.gz"
            let labelPath = "\(folder)/\(prefix)-labels-idx1-ubyte.gz"
            images = try IDXFile(imagePath, dimensions: 3, remedy: remedy, hash: &hash)
            labels = try IDXFile(labelPath, dimensions: 1, remedy: remedy, hash: &hash)
            guard images.sizes[1...] == [28, 28] else {
                throw DatasetError(
                    file: imagePath, offset: 8,
                    problem: "holds pictures of \(images.sizes[1])×\(images.sizes[2]) pixels where 28×28 were expected",
                    remedy: remedy)
            }
            guard images.sizes[0] > 0, labels.sizes[0] == images.sizes[0] else {
                throw DatasetError(
                    file: labelPath, offset: 4,
                    problem: "holds \(labels.sizes[0]) labels where \(images.sizes[0]) were expected", remedy: remedy)
            }
            for index in 0..<labels.sizes[0] {
                let label = labels.withEntry(index) { $0[0] }
                if label < 10 { continue }
                throw DatasetError(
                    file: labelPath, problem: "the label of picture \(index) is \(label) where 0...9 was expected",
                    remedy: remedy)
            }
        }
    }

    /// The hexadecimal SHA-256 over the decompressed files, training files first.
    public let digest: String
    private let train: Part
    private let test: Part

    /// Opens the folder `fashion-mnist` inside `folder`.
    ///
    /// - Throws: When a file is missing or not what it should be.
    public init(in folder: String) throws(DatasetError) {
        let own = folder + "/" + Self.ownFolder
        guard FileManager.default.fileExists(atPath: own) else {
            throw DatasetError(
                file: folder, problem: "holds no folder '\(Self.ownFolder)' with fashion_mnist", remedy: Self.remedy)
        }
        var hash = SHA256()
        train = try Part("train", in: own, hash: &hash)
        test = try Part("t10k", in: own, hash: &hash)
        digest = hash.finalize().hexadecimal
    }

    /// The name in the catalogue.
    public var name: String { "fashion_mnist" }
    /// The names of the classes, as the data set's authors list them.
    public var classes: [String] {
        [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ]
    }
    /// 28 × 28 pixels of one channel.
    public var sampleShape: SampleShape { SampleShape(height: 28, width: 28, channels: 1) }
    /// The statistics over the 60000 training pictures.
    public var normalization: Normalization { Normalization(mean: [0.2860], deviation: [0.3530]) }

    /// The number of samples in `split`.
    public func count(_ split: Split) -> Int { part(split).labels.sizes[0] }

    /// Copies sample `index` of `split` into `sample`.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        precondition((0..<count(split)).contains(index), "fashion_mnist has no sample \(index) in \(split)")
        let part = part(split)
        sample.reshape(to: sampleShape)
        sample.label = part.labels.withEntry(index) { Int($0[0]) }
        part.images.withEntry(index) { source in
            sample.withMutablePixels { _ = $0.update(fromContentsOf: source) }
        }
    }

    private func part(_ split: Split) -> Part { split == .train ? train : test }
}
