/// Where a data set is published, and what shows that it arrived whole.
public struct DatasetSource: Sendable {
    /// One file to download.
    public struct File: Sendable {
        /// The official address.
        public let address: String
        /// The MD5 that the authors publish, if they do.
        let md5: String?
        /// What becomes of it.
        let use: Use

        /// The name of the file, the end of its address.
        public var name: String { String(address.split(separator: "/").last ?? "") }
    }

    /// What becomes of a file.
    enum Use: Sendable {
        /// An archive that holds the data set's folder, or a part of it.
        case unpack
        /// A file of the data set's folder.
        case keep
    }

    /// The name of the data set's own folder.
    public let folder: String
    /// The files.
    public let files: [File]
    /// The SHA-256 of files of the folder, of compressed ones that of what they hold.
    let contents: [String: String]
}

extension DatasetSource {
    /// The known sources by the names of the data sets.
    public static let all: [String: DatasetSource] = [
        "cifar10": DatasetSource(
            folder: CIFARVariant.cifar10.folder,
            files: [
                File(
                    address: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    md5: "c32a1d4ab5d03f1284b67883e8d87530", use: .unpack)
            ], contents: [:]),
        "cifar100": DatasetSource(
            folder: CIFARVariant.cifar100.folder,
            files: [
                File(
                    address: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                    md5: "03b5dce01913d631647c71ecec9e9cb8", use: .unpack)
            ], contents: [:]),
        "fashion_mnist": DatasetSource(
            folder: "fashion-mnist",
            // Mirrors compress anew, so what counts is what the files hold.
            files: FashionMNIST.contents.keys.sorted().map { name in
                File(
                    address: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/\(name)", md5: nil, use: .keep)
            }, contents: FashionMNIST.contents),
        "ucf101": DatasetSource(
            folder: "UCF-101",
            files: [
                File(address: "https://www.crcv.ucf.edu/data/UCF101/UCF101.rar", md5: nil, use: .unpack),
                File(
                    address: "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip",
                    md5: nil, use: .unpack),
            ], contents: [:]),
    ]
}
