import Autograd
import Collectives
import Configuration
import Models
import Optimizers

/// What follows the gradients in each step: their sum over all workers, and the parameters' move along it.
///
/// Confined to the work thread.
final class ParameterUpdate {
    private let replica: Replica
    private let group: AllReduceGroup
    private let sum: GradientBlock
    /// The elements that are summed at a time, and how they travel.
    private let buckets: [(range: Range<Int>, encoding: WireEncoding)]
    private let clipping: GradientClipping
    private let failpoints: Failpoints

    /// Sums over `group`, whose `memory` holds the partial sums.
    init(_ replica: Replica, _ group: AllReduceGroup, memory: GradientMemory, failpoints: Failpoints = Failpoints()) {
        self.failpoints = failpoints
        self.replica = replica
        self.group = group
        sum = GradientBlock(for: replica.model.arena, memory: memory.result, owner: memory)
        let allreduce = replica.configuration.allreduce
        func cut(_ range: Range<Int>, _ encoding: WireEncoding) -> [(Range<Int>, WireEncoding)] {
            stride(from: range.lowerBound, to: range.upperBound, by: allreduce.bucketElements).map { start in
                (start..<min(start + allreduce.bucketElements, range.upperBound), encoding)
            }
        }
        // Statistics and tallies are few, and have to be exact.
        if let encoding = allreduce.gradientCompression?.encoding {
            buckets = cut(sum.parameterRange, encoding) + cut(sum.parameterRange.upperBound..<sum.count, .float32)
        } else {
            buckets = cut(0..<sum.count, .float32)
        }
        let training = replica.configuration.training
        clipping = GradientClipping(maximumNorm: training.clipNorm.value, maximumValue: training.clipValue.value)
    }

    /// Sums the workers' partial sums bucket by bucket; the block is valid until the next call.
    func reduce(_ partials: [ShardNode: GradientBlock], step: Int) throws -> GradientBlock {
        for (number, bucket) in buckets.enumerated() {
            try group.sum(
                step: UInt64(step), bucket: UInt32(number), blocks: partials.mapValues(\.base), range: bucket.range,
                encoding: bucket.encoding)
            failpoints.pass(.reduce, step: step)
        }
        return sum
    }

    /// Moves parameters and running statistics by the last sum.
    func apply(learningRate: Double) {
        // Running statistics first: the average of the weights takes them along.
        replica.model.arena.absorb(statistics: sum.base, samples: sum[.samples])
        replica.optimizer.update(
            replica.model.arena, sum, learningRate: learningRate, clipping: clipping, replica.engine)
    }
}
