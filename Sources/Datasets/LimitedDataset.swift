/// The first samples of another data set's training split, and its whole test split.
public struct LimitedDataset: Dataset {
    private let base: any Dataset
    private let limit: Int

    /// Cuts the training split of `base` after `limit` samples, at least 1; a larger limit than the split has no effect.
    public init(_ base: any Dataset, limit: Int) {
        precondition(limit >= 1, "a training split needs a sample")
        self.base = base
        self.limit = limit
    }

    /// The name of the whole data set.
    public var name: String { base.name }
    /// The classes of the whole data set, whether or not the first samples show them all.
    public var classes: [String] { base.classes }
    /// The sizes of every sample.
    public var sampleShape: SampleShape { base.sampleShape }
    /// The statistics of the whole training split, so that a limit does not change how a pixel looks to the network.
    public var normalization: Normalization { base.normalization }
    /// The digest of the whole content.
    public var digest: String { base.digest }

    /// The number of samples in `split`.
    public func count(_ split: Split) -> Int { split == .train ? min(limit, base.count(split)) : base.count(split) }

    /// The number of frames of sample `index` of `split`.
    public func frames(_ index: Int, of split: Split) -> Int { base.frames(index, of: split) }

    /// Begins to fetch samples that will soon be read.
    public func prefetch(_ indices: ArraySlice<Int>, of split: Split, at moments: [Float]) -> Prefetch? {
        base.prefetch(indices, of: split, at: moments)
    }

    /// Decodes sample `index` of `split` into `sample`.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        precondition(index < count(split), "sample \(index) is beyond the limit")
        try base.read(index, of: split, into: &sample)
    }

    /// Decodes the part of sample `index` of `split` that begins at `moment`.
    public func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError) {
        precondition(index < count(split), "sample \(index) is beyond the limit")
        try base.read(index, of: split, at: moment, into: &sample)
    }
}
