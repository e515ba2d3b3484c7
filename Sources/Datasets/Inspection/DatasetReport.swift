import Foundation
import Synchronization

/// What a data set holds, found by reading every sample.
public struct DatasetReport: Sendable {
    /// The number of samples of each class in each split, unreadable ones not counted.
    public let counts: [Split: [Int]]
    /// The smallest and the largest number of frames.
    public let frames: ClosedRange<Int>
    /// The samples that cannot be read, in order.
    public let faults: [LoaderError]

    /// Reads every sample of `dataset`, several at the same time.
    ///
    /// - Parameter progress: Called with the number of samples that were read.
    public init(_ dataset: any Dataset, progress: @escaping @Sendable (Int) -> Void = { _ in }) {
        struct Findings {
            var counts: [Split: [Int]]
            var frames: ClosedRange<Int>?
            var faults: [(index: Int, error: LoaderError)] = []
            var done = 0
        }
        let empty = [Int](repeating: 0, count: dataset.classes.count)
        let findings = Mutex(Findings(counts: [.train: empty, .test: empty]))
        // Long enough parts that a sample's memory is used many times.
        let part = 64
        for split in Split.allCases {
            let count = dataset.count(split)
            DispatchQueue.concurrentPerform(iterations: (count + part - 1) / part) { block in
                var sample = Sample(dataset.sampleShape)
                for index in block * part..<min(count, (block + 1) * part) {
                    let fault: DatasetError?
                    do throws(DatasetError) {
                        try dataset.read(index, of: split, into: &sample)
                        fault = nil
                    } catch {
                        fault = error
                    }
                    let (label, length) = (sample.label, sample.shape.frames)
                    let done = findings.withLock { findings in
                        if let fault {
                            let error = LoaderError.sample(
                                index: index, split: split, dataset: dataset.name, cause: fault)
                            findings.faults.append((index, error))
                        } else {
                            findings.counts[split]?[label] += 1
                            let known = findings.frames ?? length...length
                            findings.frames = min(known.lowerBound, length)...max(known.upperBound, length)
                        }
                        findings.done += 1
                        return findings.done
                    }
                    progress(done)
                }
            }
        }
        let found = findings.withLock { $0 }
        counts = found.counts
        frames = found.frames ?? 1...1
        faults = found.faults.sorted { $0.index < $1.index }.map(\.error)
    }
}
