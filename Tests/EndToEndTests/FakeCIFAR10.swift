import Foundation
import Tensors

/// Pictures in the official layout of CIFAR-10: noise at first, black behind; holes in the files take no room on the disk.
struct FakeCIFAR10 {
    /// The number of pictures of noise at the start of the training split.
    var samples = 0
    /// The value of the first pixel of each file.
    var firstPixel: UInt8 = 1
    /// A byte of the first file that is another one.
    var flippedByte: Int?

    /// Writes the folder into `path`.
    func write(to path: String) throws {
        let folder = "\(path)/cifar-10-batches-bin"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let classes = "airplane automobile bird cat deer dog frog horse ship truck"
        try Data(classes.replacingOccurrences(of: " ", with: "\n").utf8)
            .write(to: URL(fileURLWithPath: folder + "/batches.meta.txt"))
        for file in (1...5).map({ "data_batch_\($0).bin" }) + ["test_batch.bin"] {
            try content(of: file).write(to: URL(fileURLWithPath: "\(folder)/\(file)"))
            guard truncate("\(folder)/\(file)", 10_000 * 3073) == 0 else {
                throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
            }
        }
    }

    private func content(of file: String) -> Data {
        guard file == "data_batch_1.bin", samples > 0 else { return Data([0, firstPixel]) }
        var random = RandomStream(seed: 7)
        var bytes = Data(capacity: samples * 3073)
        for sample in 0..<samples {
            bytes.append(UInt8(sample % 10))
            for _ in 0..<3072 / 8 { withUnsafeBytes(of: random.next()) { bytes.append(contentsOf: $0) } }
        }
        if let flippedByte { bytes[flippedByte] ^= 0x80 }
        return bytes
    }
}
