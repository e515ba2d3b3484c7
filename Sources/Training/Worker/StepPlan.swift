import Datasets

/// Which samples a step takes: a pure function of the configuration and the size of the data set.
package struct StepPlan {
    let samples: Int
    let batch: Int
    package let shards: Int
    let accumulate: Int
    let epochs: Int
    let seed: UInt64

    package init(_ configuration: RunConfiguration, samples: Int) {
        self.samples = samples
        batch = configuration.training.batch
        shards = configuration.shards
        accumulate = configuration.training.accumulate
        epochs = configuration.training.epochs
        seed = configuration.run.seed
    }

    /// Steps of an epoch; the last one may be short.
    package var stepsPerEpoch: Int { (samples + batch - 1) / batch }
    /// Steps of the run.
    package var totalSteps: Int { stepsPerEpoch * epochs }

    /// What a worker that owns `range` of the shards loads from step `first` of an epoch on: for each step, each shard
    /// and each of its passes one request.
    package func requests(epoch: Int, from first: Int, shards range: Range<Int>) -> [LoadRequest] {
        let order = EpochOrder(count: samples, seed: seed, epoch: epoch)
        let plan = BatchPlan(order, batchSize: batch, shards: shards)
        return (first..<stepsPerEpoch).flatMap { step in
            range.flatMap { shard in
                let indices = plan.shard(shard, of: step)
                return (0..<accumulate).map { pass in
                    let (start, count) = (indices.startIndex, indices.count)
                    let part = indices[start + pass * count / accumulate..<start + (pass + 1) * count / accumulate]
                    return LoadRequest.training(part, epoch: epoch)
                }
            }
        }
    }

    /// The samples that some shards of a step of an epoch hold.
    func samples(epoch: Int, step: Int, shards range: Range<Int>) -> [Int] {
        let plan = BatchPlan(
            EpochOrder(count: samples, seed: seed, epoch: epoch), batchSize: batch, shards: shards)
        return range.flatMap { plan.shard($0, of: step) }
    }
}
