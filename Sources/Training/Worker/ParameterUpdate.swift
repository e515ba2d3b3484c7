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
    private let clipping: GradientClipping

    /// Sums over `group`, whose `memory` holds the partial sums.
    init(_ replica: Replica, _ group: AllReduceGroup, memory: GradientMemory) {
        self.replica = replica
        self.group = group
        sum = GradientBlock(for: replica.model.arena, memory: memory.result, owner: memory)
        let training = replica.configuration.training
        clipping = GradientClipping(maximumNorm: training.clipNorm.value, maximumValue: training.clipValue.value)
    }

    /// Sums the workers' partial sums bucket by bucket; the block is valid until the next call.
    func reduce(_ partials: [ShardNode: GradientBlock], step: Int) throws -> GradientBlock {
        let size = replica.configuration.allreduce.bucketElements
        for (bucket, start) in stride(from: 0, to: sum.count, by: size).enumerated() {
            try group.sum(
                step: UInt64(step), bucket: UInt32(bucket), blocks: partials.mapValues(\.base),
                range: start..<min(start + size, sum.count))
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
