/// What tells CIFAR-10 and CIFAR-100 apart: names, files, layout, statistics.
package struct CIFARVariant: Sendable {
    package let name: String
    let folder: String
    let namesFile: String
    let trainFiles: [String]
    let testFile: String
    let layout: RecordLayout
    let normalization: Normalization
    let archive: String
    /// Records in each training file.
    ///
    /// Official files have exactly these numbers; tests write smaller ones.
    package var trainRecords: Int
    /// Records in the test file.
    package var testRecords: Int

    /// CIFAR-10: a record is one label byte and three planes.
    ///
    /// The statistics are those of the 50000 training images.
    package static let cifar10 = CIFARVariant(
        name: "cifar10", folder: "cifar-10-batches-bin", namesFile: "batches.meta.txt",
        trainFiles: (1...5).map { "data_batch_\($0).bin" }, testFile: "test_batch.bin",
        layout: RecordLayout(labelBytes: 1, labelOffset: 0, classes: 10),
        normalization: Normalization(mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616]),
        archive: "cifar-10-binary.tar.gz", trainRecords: 10000, testRecords: 10000)

    /// CIFAR-100: a record is the label of 20 coarse classes, the label of 100 fine ones, which counts, and three planes.
    package static let cifar100 = CIFARVariant(
        name: "cifar100", folder: "cifar-100-binary", namesFile: "fine_label_names.txt",
        trainFiles: ["train.bin"], testFile: "test.bin",
        layout: RecordLayout(labelBytes: 2, labelOffset: 1, classes: 100),
        normalization: Normalization(mean: [0.5071, 0.4865, 0.4409], deviation: [0.2673, 0.2564, 0.2762]),
        archive: "cifar-100-binary.tar.gz", trainRecords: 50000, testRecords: 10000)

    /// How to mend a missing or broken file.
    var remedy: String {
        "unpack https://www.cs.toronto.edu/~kriz/\(archive) into the folder that data.path or $CONVOY_DATA names"
    }
}
