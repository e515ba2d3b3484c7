/// The two parts of a data set.
public enum Split: String, Sendable, CaseIterable {
    /// What a network learns from.
    case train
    /// What it is judged by.
    case test
}

/// The mean and standard deviation of each channel, of pixels between 0 and 1, over the training split.
public struct Normalization: Hashable, Sendable {
    /// The mean of each channel.
    public let mean: [Float]
    /// The standard deviation of each channel.
    public let deviation: [Float]

    /// Makes a normalization from a mean and a positive deviation for each channel.
    public init(mean: [Float], deviation: [Float]) {
        precondition(
            mean.count == deviation.count && deviation.allSatisfy { $0 > 0 }, "one positive deviation a channel")
        self.mean = mean
        self.deviation = deviation
    }

    /// What a byte of channel `channel` is multiplied with: (byte / 255 − mean) / deviation = byte · scale + offset.
    public func scale(_ channel: Int) -> Float { 1 / (255 * deviation[channel]) }

    /// What is then added.
    public func offset(_ channel: Int) -> Float { -mean[channel] / deviation[channel] }
}

/// Labelled images or clips, in a training and a test split, read one by one from any thread.
///
/// - Determinism: a sample is a pure function of (split, index); neither calls before nor the thread matter.
public protocol Dataset: Sendable {
    /// The name in ``DatasetCatalog``.
    var name: String { get }
    /// The names of the classes; a label is an index of this list.
    var classes: [String] { get }
    /// The sizes of every sample; of clips the largest number of frames.
    var sampleShape: SampleShape { get }
    /// The statistics that bring pixels to mean 0 and variance 1.
    var normalization: Normalization { get }
    /// The hexadecimal SHA-256 of the content: two hosts with equal digests read equal samples.
    var digest: String { get }

    /// The number of samples in `split`.
    func count(_ split: Split) -> Int

    /// The number of frames of sample `index` of `split`, without decoding it.
    func frames(_ index: Int, of split: Split) -> Int

    /// Begins to fetch samples that will soon be read, in this order and at these moments; nil when there is nothing to
    /// fetch.
    func prefetch(_ indices: ArraySlice<Int>, of split: Split, at moments: [Float]) -> Prefetch?

    /// Decodes sample `index` of `split` into `sample`, whose memory is used again.
    ///
    /// - Precondition: `index` is in `0 ..< count(split)`.
    /// - Throws: When the sample cannot be read any more, with the file and the place.
    func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError)

    /// Decodes the part of a recording longer than a sample that begins at `moment`, from 0 for its start to 1 for the
    /// last possible place; 0.5 is the middle.
    ///
    /// - Precondition: `index` is in `0 ..< count(split)`.
    /// - Throws: When the sample cannot be read any more, with the file and the place.
    func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError)
}

extension Dataset {
    /// Most data sets have samples of one size.
    public func frames(_ index: Int, of split: Split) -> Int { sampleShape.frames }

    /// Most data sets have nothing to fetch.
    public func prefetch(_ indices: ArraySlice<Int>, of split: Split, at moments: [Float]) -> Prefetch? { nil }

    /// Most data sets have no recordings longer than a sample.
    public func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError) {
        try read(index, of: split, into: &sample)
    }
}

/// Samples that are fetched ahead of use; when it goes, what has not been read is forgotten.
public final class Prefetch: Sendable {
    private let forget: @Sendable () -> Void

    /// `forget` is called once, at the end.
    public init(forget: @escaping @Sendable () -> Void) { self.forget = forget }

    deinit { forget() }
}
