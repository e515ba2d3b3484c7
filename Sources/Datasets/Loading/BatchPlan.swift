/// Cuts the order of an epoch into batches, one a step, and a batch into canonical shards.
///
/// Step b of batch size B takes the places b·B ..< min((b + 1)·B, count). Shard s of S of a batch with n samples takes
/// the places s·n/S ..< (s + 1)·n/S of it, in whole numbers: shards differ by one sample at most, and those of a short
/// last batch may be empty. Every sample is in exactly one shard of one step.
///
/// - Determinism: depends on order, batch size and number of shards; never on who computes a shard.
public struct BatchPlan: Sendable {
    /// The order that is cut.
    public let order: EpochOrder
    /// The number of samples in every batch but a short last one.
    public let batchSize: Int
    /// The number of canonical shards of a batch.
    public let shards: Int

    /// A plan for batches of `batchSize` samples in `shards` shards, both at least 1.
    public init(_ order: EpochOrder, batchSize: Int, shards: Int = 1) {
        precondition(batchSize >= 1 && shards >= 1, "a batch has a sample and a shard")
        self.order = order
        self.batchSize = batchSize
        self.shards = shards
    }

    /// The number of steps; the last one may have a short batch.
    public var steps: Int { (order.indices.count + batchSize - 1) / batchSize }

    /// The samples of step `step`.
    public func batch(_ step: Int) -> ArraySlice<Int> {
        precondition((0..<steps).contains(step), "the epoch has no step \(step)")
        return order.indices[step * batchSize..<min((step + 1) * batchSize, order.indices.count)]
    }

    /// The samples of shard `shard` of step `step`.
    public func shard(_ shard: Int, of step: Int) -> ArraySlice<Int> {
        precondition((0..<shards).contains(shard), "the plan has no shard \(shard)")
        let batch = batch(step)
        let first = batch.startIndex
        return batch[first + shard * batch.count / shards..<first + (shard + 1) * batch.count / shards]
    }
}
