import Datasets

/// Which samples a step takes: a pure function of the configuration and the size of the data set.
package struct StepPlan {
    let samples: Int
    let batch: Int
    package let shards: Int
    let accumulate: Int
    let epochs: Int
    let seed: UInt64
    /// The number of frames of each sample, where those of about the same length come together.
    private let lengths: [Int]?

    /// The plan of a run over `dataset`.
    package init(_ configuration: RunConfiguration, _ dataset: any Dataset) {
        let samples = dataset.count(.train)
        let isBucketed = configuration.data.bucketByLength
        self.init(
            configuration, samples: samples,
            lengths: isBucketed ? (0..<samples).map { dataset.frames($0, of: .train) } : nil)
    }

    package init(_ configuration: RunConfiguration, samples: Int, lengths: [Int]? = nil) {
        self.samples = samples
        self.lengths = lengths
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
        let plan = batches(epoch: epoch)
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
        let plan = batches(epoch: epoch)
        return range.flatMap { plan.shard($0, of: step) }
    }

    private func batches(epoch: Int) -> BatchPlan {
        let order =
            lengths.map { EpochOrder(lengths: $0, batchSize: batch, seed: seed, epoch: epoch) }
            ?? EpochOrder(count: samples, seed: seed, epoch: epoch)
        return BatchPlan(order, batchSize: batch, shards: shards)
    }
}
