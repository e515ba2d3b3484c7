/// The samples that make one batch, for instance one shard of one step.
public struct LoadRequest: Sendable, Hashable {
    /// The split to read.
    public let split: Split
    /// The epoch, which enters the samples' random transforms.
    public let epoch: Int
    /// The samples in the order in which the batch holds them; may be empty.
    public let indices: ArraySlice<Int>
    /// Whether the transforms of training samples are applied, not those of evaluation.
    public let isAugmented: Bool

    /// A request for training samples, transformed with the random numbers of `epoch`.
    public static func training(_ indices: ArraySlice<Int>, epoch: Int) -> LoadRequest {
        LoadRequest(split: .train, epoch: epoch, indices: indices, isAugmented: true)
    }

    /// A request for samples of `split` as an evaluation sees them.
    public static func evaluation(_ indices: ArraySlice<Int>, of split: Split = .test) -> LoadRequest {
        LoadRequest(split: split, epoch: 0, indices: indices, isAugmented: false)
    }
}
