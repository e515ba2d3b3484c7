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

    /// What the affected ones of a worker's nodes say; nil when there are none.
    ///
    /// - Parameter block: Where it shows which gradients of a node are not finite.
    init?(
        _ affected: [ShardNode], seenIn block: (ShardNode) -> GradientBlock?, parameters: [Parameter], plan: StepPlan,
        epoch: Int, step: Int, _ engine: Engine
    ) {
        guard let node = affected.min(by: { $0.lower < $1.lower }) else { return nil }
        self.node = node
        self.step = step
        self.epoch = epoch
        // Backward goes from the last parameter to the first and carries them along.
        parameter = block(node).flatMap { block in parameters.last { !block.isFinite(in: $0.range, engine) }?.name }
        samples = plan.samples(epoch: epoch, step: step % plan.stepsPerEpoch, shards: node.lower..<node.upper)
    }

    var description: String {
        let shown = samples.prefix(Self.shownSamples).map(String.init).joined(separator: ", ")
        let rest = samples.count > Self.shownSamples ? " and \(samples.count - Self.shownSamples) more" : ""
        let place = parameter.map { "the gradient of \($0)" } ?? "the loss"
        return "\(place) in step \(step) (epoch \(epoch)) is not finite; it came from \(node), samples \(shown)\(rest)"
    }
}
