import Datasets
import Messaging

/// The coordinator's data set on a worker that has no copy of it.
///
/// - Determinism: the same bytes as from a copy, so the same parameters.
package final class StreamedDataset: Dataset {
    private let stream: SampleStream
    private let description: DatasetDescription
    package let sampleShape: SampleShape

    /// Asks what the data set is.
    ///
    /// - Throws: When the coordinator does not answer within `patience`, or cannot open the data set either.
    package init(_ stream: SampleStream, patience: Duration = .seconds(50)) throws(DatasetError) {
        self.stream = stream
        description = try stream.describe(patience: patience)
        sampleShape = SampleShape(sizes: description.shape) ?? SampleShape(height: 1, width: 1, channels: 1)
    }

    package var name: String { description.name }
    package var classes: [String] { description.classes }
    package var digest: String { description.digest }
    package var normalization: Normalization {
        Normalization(mean: description.mean, deviation: description.deviation)
    }

    package func count(_ split: Split) -> Int { description.counts[split == .train ? 0 : 1] }

    package func frames(_ index: Int, of split: Split) -> Int {
        description.lengths?[split == .train ? 0 : 1][index] ?? sampleShape.frames
    }

    package func prefetch(_ indices: ArraySlice<Int>, of split: Split, at moments: [Float]) -> Prefetch? {
        stream.prefetch(zip(indices, moments).map { SampleKey($0, of: split, at: $1) })
    }

    package func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        try read(index, of: split, at: 0.5, into: &sample)
    }

    package func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError) {
        let arrived = try stream.take(SampleKey(index, of: split, at: moment))
        guard let content = arrived.answer.content, classes.indices.contains(content.label),
            let frame = arrived.pixels, let shape = SampleShape(sizes: content.shape), shape.count == frame.count
        else {
            throw DatasetError(
                problem: "the coordinator's answer about sample \(index) is incomplete",
                remedy: "start the same program everywhere")
        }
        sample.reshape(to: shape)
        sample.label = content.label
        sample.withMutablePixels { pixels in
            frame.withBytes { UnsafeMutableRawBufferPointer(pixels).copyMemory(from: $0) }
        }
    }
}
