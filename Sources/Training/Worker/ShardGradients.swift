import Autograd
import Collectives
import Datasets
import Layers
import Models
import Tensors

/// Computes the gradients of a worker's shards, one after the other, and folds them to the worker's nodes of the tree.
///
/// Confined to the work thread; the blocks are used again in each step.
package final class ShardGradients {
    private let replica: Replica
    private let fold: FoldOrder
    private let times: LayerTimes?
    private let makeBlock: () -> GradientBlock
    private let compression: (any GradientCompression)?
    /// What compression has left out of each shard so far.
    private var errors: [Int: GradientBlock] = [:]
    private var free: [GradientBlock] = []
    private var open: [ShardNode: GradientBlock] = [:]

    /// Computes the shards `range` of `tree` in blocks of `memory`, or of its own without one.
    package init(
        _ replica: Replica, tree: ShardTree, range: Range<Int>, memory: GradientMemory? = nil, times: LayerTimes? = nil
    ) {
        self.replica = replica
        let arena = replica.model.arena
        makeBlock = {
            guard let memory else { return GradientBlock(for: arena) }
            return GradientBlock(for: arena, memory: memory.takeBlock(), owner: memory)
        }
        self.times = times
        compression = replica.configuration.allreduce.gradientCompression
        fold = FoldOrder(tree, range: range)
    }

    /// The nodes' sums for the batch at hand; valid until the next call.
    ///
    /// Batches come from `source`, one for each shard and pass. `isStopping` is told to the other workers.
    ///
    /// - Parameter isCancelled: Asked between passes.
    /// - Throws: `Cancellation` once it is true; an error of the loader.
    package func compute(
        epoch: Int, step: Int, from source: any BatchSource, isStopping: Bool, isCancelled: () -> Bool = { false }
    ) throws -> [ShardNode: GradientBlock] {
        free += open.values
        open = [:]
        for shard in fold.range {
            let block = free.popLast() ?? makeBlock()
            block.reset()
            for pass in 0..<replica.configuration.training.accumulate {
                if isCancelled() { throw Cancellation() }
                guard let batch = try source.next() else { throw TrainingError.missingBatch(step: step, shard: shard) }
                if batch.count > 0 { add(batch, epoch: epoch, step: step, shard: shard, pass: pass, to: block) }
            }
            block.finish()
            block[.stopRequests] = isStopping ? 1 : 0
            compress(block, of: shard)
            open[ShardNode(shard, shard + 1)] = block
            for addition in fold.additions(after: shard) {
                guard let left = open.removeValue(forKey: addition.left),
                    let right = open.removeValue(forKey: addition.right)
                else { preconditionFailure("a fold adds sums that exist") }
                left.add(right, replica.engine)
                compression?.encoding.round(left.base, count: left.parameterRange.count)
                open[addition.parent] = left
                free.append(right)
            }
        }
        return open
    }

    /// Makes a shard's gradients representable; statistics and tallies stay exact.
    private func compress(_ block: GradientBlock, of shard: Int) {
        guard let compression else { return }
        var error: GradientBlock?
        if compression.feedsErrorBack {
            error = errors[shard] ?? GradientBlock(for: replica.model.arena)
            errors[shard] = error
        }
        compression.prepare(block.base, error: error?.base, count: block.parameterRange.count)
    }

    /// One forward and backward pass.
    private func add(_ batch: Batch, epoch: Int, step: Int, shard: Int, pass: Int, to block: GradientBlock) {
        let tape = Tape(engine: replica.engine, arena: replica.model.arena, block: block, times: times)
        let context = ForwardContext(
            tape: tape, mode: .training, seed: replica.configuration.run.seed,
            streamPath: [UInt64(epoch), UInt64(step), UInt64(shard), UInt64(pass)],
            lengths: batch.lengths)
        let logits = replica.model.layers(tape.constant(batch.input), context)
        var result = replica.loss.evaluate(logits.value, batch.targets, replica.engine)
        if let mixed = batch.mixed {
            let other = replica.loss.evaluate(logits.value, mixed.targets, replica.engine)
            result = result.mixed(with: other, share: mixed.weight, replica.engine)
        }
        tape.backward(from: logits, gradient: result.gradient)
        block[.samples] += Float(batch.count)
        block[.loss] += result.sum
        block[.lossWeight] += result.weight
        block[.correct] += Float(result.correct)
    }
}
