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
    private let memory: GradientMemory?
    /// The blocks of `memory` so far.
    private var blocks: [UnsafeMutablePointer<Float>: GradientBlock] = [:]
    private let compression: (any GradientCompression)?
    /// Gradients as low-rank factors, if they are asked for.
    let factors: PowerSGD?
    /// What compression has left out of each shard so far.
    private var errors: [Int: GradientBlock] = [:]
    private var free: [GradientBlock] = []
    private var open: [ShardNode: GradientBlock] = [:]

    /// Computes the shards `range` of `tree` in blocks of `memory`, or of its own without one.
    package init(
        _ replica: Replica, tree: ShardTree, range: Range<Int>, memory: GradientMemory? = nil, times: LayerTimes? = nil
    ) {
        self.replica = replica
        self.memory = memory
        self.times = times
        let allreduce = replica.configuration.allreduce
        compression = allreduce.gradientCompression
        factors =
            allreduce.compression == .powerSGD
            ? PowerSGD(replica.model.arena, rank: allreduce.rank, seed: replica.configuration.run.seed) : nil
        fold = FoldOrder(tree, range: range)
    }

    /// The nodes' sums for the batch at hand; valid until the next call.
    ///
    /// Batches come from `source`, one for each shard and pass. `isStopping` is told to the other workers.
    ///
    /// - Parameters:
    ///   - onFinal: Called while the last shard's backward pass goes on, with the element from which on the gradients of
    ///     all nodes are final, a multiple of the blocks that are rounded together.
    ///   - isCancelled: Asked between passes.
    /// - Throws: `Cancellation` once it is true; an error of the loader.
    package func compute(
        epoch: Int, step: Int, from source: any BatchSource, isStopping: Bool,
        onFinal: ((Int, [ShardNode: GradientBlock]) -> Void)? = nil, isCancelled: () -> Bool = { false }
    ) throws -> [ShardNode: GradientBlock] {
        if let memory {
            memory.beginTurn()
            free = []
        } else {
            free += open.values
        }
        open = [:]
        let accumulate = replica.configuration.training.accumulate
        for shard in fold.range {
            let block = free.popLast() ?? takeBlock()
            block.reset()
            let folding = begin(shard, block)
            // Gradients from here on are in the node's sum.
            var end = block.parameterRange.upperBound
            func finish(from start: Int) {
                let cut = (start + WireEncoding.block - 1) / WireEncoding.block * WireEncoding.block
                guard cut < end else { return }
                block.finish(from: start)
                complete(folding, cut..<end)
                end = cut
                onFinal?(cut, open)
            }
            for pass in 0..<accumulate {
                if isCancelled() { throw Cancellation() }
                guard let batch = try source.next() else { throw TrainingError.missingBatch(step: step, shard: shard) }
                guard batch.count > 0 else { continue }
                let isLast = shard == fold.range.last && pass == accumulate - 1 && onFinal != nil
                add(
                    batch, path: [epoch, step, shard, pass], to: block, onFinal: isLast ? { finish(from: $0) } : nil)
            }
            block[.stopRequests] = isStopping ? 1 : 0
            block.finish()
            complete(folding, 0..<end)
            complete(folding, block.parameterRange.upperBound..<block.count)
        }
        return open
    }

    private func takeBlock() -> GradientBlock {
        let arena = replica.model.arena
        guard let memory else { return GradientBlock(for: arena) }
        let place = memory.takeBlock()
        if let block = blocks[place] { return block }
        let block = GradientBlock(for: arena, memory: place, owner: memory)
        blocks[place] = block
        return block
    }

    /// A shard's block with the additions that make it part of its node.
    private struct Folding {
        let shard: Int
        let block: GradientBlock
        let additions: [(left: GradientBlock, right: GradientBlock)]
    }

    /// Puts a shard's block where its sum will be; nothing is added yet.
    private func begin(_ shard: Int, _ block: GradientBlock) -> Folding {
        open[ShardNode(shard, shard + 1)] = block
        let additions = fold.additions(after: shard).map { addition in
            guard let left = open.removeValue(forKey: addition.left),
                let right = open.removeValue(forKey: addition.right)
            else { preconditionFailure("a fold adds sums that exist") }
            open[addition.parent] = left
            // Nobody takes it before the shard is finished.
            free.append(right)
            return (left, right)
        }
        return Folding(shard: shard, block: block, additions: additions)
    }

    /// The nodes' right factors, once the sum of the left ones is known; takes the place of what `compute` returned.
    func rightFactors() -> [ShardNode: GradientBlock] {
        guard let factors else { preconditionFailure("gradients travel as factors") }
        free += open.values
        open = [:]
        for shard in fold.range {
            let folding = begin(shard, free.popLast() ?? takeBlock())
            factors.formRight(folding.block.base, memory: error(of: shard).base)
            add(folding, factors.rightRange)
        }
        return open
    }

    /// Blocks in which the gradients of the last step can be looked at, however they travel.
    func inspected(_ partials: [ShardNode: GradientBlock]) -> [ShardNode: GradientBlock] {
        guard factors != nil else { return partials }
        return Dictionary(uniqueKeysWithValues: errors.map { (ShardNode($0.key, $0.key + 1), $0.value) })
    }

    /// Makes final elements of a shard representable, and adds them to its node.
    private func complete(_ folding: Folding, _ range: Range<Int>) {
        let block = folding.block
        guard range.upperBound <= block.parameterRange.upperBound else { return add(folding, range) }
        if let factors {
            factors.formLeft(block.base, memory: error(of: folding.shard).base)
            return add(folding, factors.leftRange)
        }
        if let compression {
            let error = compression.feedsErrorBack ? error(of: folding.shard).base + range.lowerBound : nil
            compression.prepare(block.base + range.lowerBound, error: error, count: range.count)
        }
        add(folding, range, rounding: compression?.encoding)
    }

    private func add(_ folding: Folding, _ range: Range<Int>, rounding encoding: WireEncoding? = nil) {
        for (left, right) in folding.additions {
            left.add(right, range, replica.engine)
            encoding?.round(left.base + range.lowerBound, count: range.count)
        }
    }

    private func error(of shard: Int) -> GradientBlock {
        if let error = errors[shard] { return error }
        let error = GradientBlock(for: replica.model.arena)
        errors[shard] = error
        return error
    }

    /// One forward and backward pass.
    ///
    /// - Parameter path: Epoch, step, shard and pass, to which the random numbers belong.
    private func add(_ batch: Batch, path: [Int], to block: GradientBlock, onFinal: ((Int) -> Void)?) {
        let tape = Tape(engine: replica.engine, arena: replica.model.arena, block: block, times: times)
        let context = ForwardContext(
            tape: tape, mode: .training, seed: replica.configuration.run.seed,
            streamPath: path.map { UInt64($0) }, lengths: batch.lengths)
        let logits = replica.model.layers(tape.constant(batch.input), context)
        var result = replica.loss.evaluate(logits.value, batch.targets, replica.engine)
        if let mixed = batch.mixed {
            let other = replica.loss.evaluate(logits.value, mixed.targets, replica.engine)
            result = result.mixed(with: other, share: mixed.weight, replica.engine)
        }
        tape.backward(from: logits, gradient: result.gradient, onFinal: onFinal)
        block[.samples] += Float(batch.count)
        block[.loss] += result.sum
        block[.lossWeight] += result.weight
        block[.correct] += Float(result.correct)
    }
}

extension PowerSGD {
    /// Factors of the gradients of the parameters in `arena`, with a row for each output.
    convenience init(_ arena: ParameterArena, rank: Int, seed: UInt64) {
        self.init(
            arena.parameters.map {
                Shape($0.range.lowerBound..<$0.range.lowerBound + $0.shape.count, rows: $0.shape.dimensions.first ?? 1)
            },
            elements: arena.parameterRange.count, rank: rank, seed: seed)
    }
}
