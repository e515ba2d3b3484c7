import Autograd
import Collectives
import Configuration
import Models
import Optimizers

/// What follows the gradients in each step: their sum over all workers, and the parameters' move along it.
///
/// Confined to the work thread.
package final class ParameterUpdate {
    private let replica: Replica
    private let gradients: ShardGradients
    /// Whether others hear of gradients while backward goes on.
    private let isEarly: Bool
    /// The sums, and where gradients travel as factors the second round of them.
    private let reduction: BucketReduction
    private let secondReduction: BucketReduction?
    private let memory: GradientMemory
    /// The sums, by the memory's turn.
    private let sums: [GradientBlock]
    /// What summed factors stand for.
    private let expanded: GradientBlock?
    private let clipping: GradientClipping

    /// Sums what `gradients` computes over `group`, whose `memory` holds the partial sums.
    package init(
        _ replica: Replica, _ group: AllReduceGroup, _ gradients: ShardGradients, memory: GradientMemory,
        failpoints: Failpoints = Failpoints()
    ) {
        self.replica = replica
        self.gradients = gradients
        let arena = replica.model.arena
        self.memory = memory
        sums = memory.results.map { GradientBlock(for: arena, memory: $0, owner: memory) }
        let sum = sums[0]
        let allreduce = replica.configuration.allreduce
        let overlaps = allreduce.overlaps(group)
        let encoding = allreduce.gradientCompression?.encoding ?? .float32
        let announces = memory.isShared && !overlaps && encoding == .float32 && gradients.factors == nil
        isEarly = overlaps || announces
        let travelling = gradients.factors?.leftRange ?? sum.parameterRange
        // Statistics and tallies are final last; they are few, and have to be exact.
        let buckets =
            (announces
                ? Bucket.cutToAnnounce(travelling, allreduce)
                : Bucket.cut(travelling, allreduce, overlaps: overlaps, encoding: encoding))
            + Bucket.cut(sum.parameterRange.upperBound..<sum.count, allreduce)
        reduction = BucketReduction(group, buckets, overlaps: overlaps, failpoints: failpoints)
        secondReduction = gradients.factors.map { factors in
            BucketReduction(
                group, Bucket.cut(factors.rightRange, allreduce), numbered: buckets.count, failpoints: failpoints)
        }
        expanded = gradients.factors.map { _ in GradientBlock(for: arena) }
        let training = replica.configuration.training
        clipping = GradientClipping(maximumNorm: training.clipNorm.value, maximumValue: training.clipValue.value)
    }

    /// Begins a step; what it returns takes over gradients that are final while others are still computed.
    ///
    /// Nil when nobody asks for them before all are final.
    package func begin(step: Int) -> ((_ start: Int, _ partials: [ShardNode: GradientBlock]) -> Void)? {
        reduction.begin(step: step)
        secondReduction?.begin(step: step)
        guard isEarly else { return nil }
        return { [reduction] start, partials in reduction.start(from: start, partials) }
    }

    /// Sums what is left of the workers' partial sums and waits for all; the block is valid until the next call.
    package func reduce(_ partials: [ShardNode: GradientBlock]) throws -> GradientBlock {
        try reduction.finish(partials)
        guard let factors = gradients.factors, let secondReduction, let expanded else { return sum }
        if factors.orthogonalize(sum.base) { try secondReduction.finish(gradients.rightFactors()) }
        factors.expand(sum.base, into: expanded.base)
        let exact = sum.parameterRange.upperBound
        (expanded.base + exact).update(from: sum.base + exact, count: sum.count - exact)
        return expanded
    }

    /// Ends the sums of a step whose gradients do not come.
    package func giveUp() throws { try reduction.giveUp() }

    /// The step's sums.
    private var sum: GradientBlock { sums[memory.turn] }

    /// How much of the last step's sums passed while gradients were computed.
    package var hidden: Duration { reduction.hidden }

    /// Moves parameters and running statistics by the last sum.
    package func apply(learningRate: Double) {
        let sum = expanded ?? sum
        // Running statistics first: the average of the weights takes them along.
        replica.model.arena.absorb(statistics: sum.base, samples: sum[.samples])
        replica.optimizer.update(
            replica.model.arena, sum, learningRate: learningRate, clipping: clipping, replica.engine)
    }
}
