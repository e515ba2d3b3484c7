import Autograd
import Collectives
import Tensors

/// Where numbers that are infinite or not numbers came into a step's gradient.
struct NonFiniteGradient: CustomStringConvertible {
    private static let shownSamples = 8
    /// The parameter next to the loss whose gradient is affected; nil when only the loss or a statistic is.
    let parameter: String?
    let node: ShardNode
    let samples: [Int]
    let step: Int
    let epoch: Int

    /// What `partials`, the sums of a worker's own shards, say; nil when all of them are finite.
    init?(
        in partials: [ShardNode: GradientBlock], parameters: [Parameter], plan: StepPlan, epoch: Int, step: Int,
        _ engine: Engine
    ) {
        let affected = partials.filter { !$0.value.isFinite(engine) }.min { $0.key.lower < $1.key.lower }
        guard let (node, block) = affected else { return nil }
        self.node = node
        self.step = step
        self.epoch = epoch
        // Backward goes from the last parameter to the first and carries them along.
        parameter = parameters.last { !block.isFinite(in: $0.range, engine) }?.name
        samples = plan.samples(epoch: epoch, step: step % plan.stepsPerEpoch, shards: node.lower..<node.upper)
    }

    var description: String {
        let shown = samples.prefix(Self.shownSamples).map(String.init).joined(separator: ", ")
        let rest = samples.count > Self.shownSamples ? " and \(samples.count - Self.shownSamples) more" : ""
        let place = parameter.map { "the gradient of \($0)" } ?? "the loss"
        return "\(place) in step \(step) (epoch \(epoch)) is not finite; it came from \(node), samples \(shown)\(rest)"
    }
}
