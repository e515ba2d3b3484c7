import Autograd
import Collectives
import Datasets
import Models
import Tensors
import Testing
import Training

@Suite("Shard gradients")
struct ShardGradientsTests {
    /// The sums over the first batch that a configuration gives, all shards on one worker: gradients, then tallies.
    private func sums(_ overrides: String..., isStopping: Bool = false) throws -> (gradients: [Float], tallies: [Float])
    {
        let configuration = try RunConfiguration.defaults(
            overrides: ["training.batch=12", "data.limit=100", "data.augment=[]", "cluster.workers=1"] + overrides)
        let replica = try Replica(configuration, threads: 1, environmentPath: nil)
        let plan = StepPlan(configuration, samples: 100)
        let tree = ShardTree(shards: plan.shards)
        let range = 0..<plan.shards
        let loader = Loader(replica.pipeline, seed: 1, pool: replica.engine.memory)
        defer { loader.close() }
        loader.enqueue(plan.requests(epoch: 0, from: 0, shards: range))
        let gradients = ShardGradients(replica, tree: tree, range: range)
        let open = try gradients.compute(epoch: 0, step: 0, from: loader, isStopping: isStopping)
        #expect(Array(open.keys) == [tree.root])
        let block = try #require(open[tree.root])
        return (
            replica.model.arena.parameters.flatMap { block.gradient(of: $0).elements },
            GradientBlock.Tally.allCases.map { block[$0] }
        )
    }

    private func expectClose(_ one: [Float], _ other: [Float], sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(one.count == other.count, sourceLocation: sourceLocation)
        let scale = one.map { abs($0) }.max() ?? 0
        #expect(scale > 0, "gradients that are not all zero", sourceLocation: sourceLocation)
        let worst = zip(one, other).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 1e-5 * scale, "largest gradient \(scale)", sourceLocation: sourceLocation)
    }

    @Test("of a batch in shards sum up to those of the whole batch, for a model without batch norm")
    func shards() throws {
        let whole = try sums("training.shards=1")
        for shards in [2, 5, 12] {
            let parts = try sums("training.shards=\(shards)")
            expectClose(whole.gradients, parts.gradients)
            #expect(parts.tallies[0] == 12 && parts.tallies[2] == whole.tallies[2])
            #expect(abs(parts.tallies[1] - whole.tallies[1]) < 1e-4)
        }
    }

    @Test("have sum and divisor of a loss whose samples have different weights, however they are cut")
    func weights() throws {
        let loss = "loss={name: cross_entropy, class_weights: [1, 2, 0, 4, 1, 1, 0.5, 1, 1, 3], ignore_index: 4}"
        let divisor = GradientBlock.Tally.lossWeight.rawValue
        let whole = try sums("training.shards=1", loss)
        #expect(whole.tallies[0] == 12 && whole.tallies[divisor] != 12 && whole.tallies[divisor] > 0)
        for shards in [2, 5, 12] {
            let parts = try sums("training.shards=\(shards)", loss)
            expectClose(whole.gradients, parts.gradients)
            #expect(parts.tallies[divisor] == whole.tallies[divisor])
            #expect(abs(parts.tallies[1] - whole.tallies[1]) < 1e-4)
        }
        #expect(try sums("training.shards=3").tallies[divisor] == 12)
    }

    @Test("accumulated in two passes are those of one, to rounding")
    func accumulation() throws {
        let once = try sums("training.shards=2")
        let twice = try sums("training.shards=2", "training.accumulate=2")
        expectClose(once.gradients, twice.gradients)
        #expect(twice.tallies[0] == 12)
    }

    @Test("of shards and passes without a sample are zero, and nothing of the batch before stays")
    func emptyShards() throws {
        // More passes than a shard has samples.
        let sparse = try sums("training.shards=6", "training.accumulate=5")
        expectClose(try sums("training.shards=1").gradients, sparse.gradients)
        #expect(sparse.tallies[0] == 12)
    }

    @Test("carry the wish to stop, once for each shard")
    func stopping() throws {
        #expect(try sums("training.shards=3").tallies[3] == 0)
        #expect(try sums("training.shards=3", isStopping: true).tallies[3] == 3)
    }

    @Test(
        "are final from the back to the front while backward goes on, with the same bits", arguments: ["none", "int8"])
    func finality(compression: String) throws {
        let configuration = try RunConfiguration.defaults(
            overrides: [
                "training.batch=12", "training.shards=3", "training.accumulate=2", "data.limit=100",
                "cluster.workers=1",
                "allreduce.compression=\(compression)",
            ])
        let replica = try Replica(configuration, threads: 1, environmentPath: nil)
        let plan = StepPlan(configuration, samples: 100)
        let tree = ShardTree(shards: 3)
        var results: [[Float]] = []
        for isWatched in [false, true] {
            let loader = Loader(replica.pipeline, seed: 1, pool: replica.engine.memory)
            defer { loader.close() }
            loader.enqueue(plan.requests(epoch: 0, from: 0, shards: 0..<3))
            let gradients = ShardGradients(replica, tree: tree, range: 0..<3)
            var end = replica.model.arena.parameterRange.upperBound
            var seen: [(range: Range<Int>, elements: [Float])] = []
            func look(_ start: Int, _ blocks: [ShardNode: GradientBlock]) {
                #expect(start < end && start % WireEncoding.block == 0)
                if let block = blocks[tree.root] { seen.append((start..<end, (start..<end).map { block.base[$0] })) }
                end = start
            }
            let open = try gradients.compute(
                epoch: 0, step: 0, from: loader, isStopping: false, onFinal: isWatched ? look : nil)
            let block = try #require(open[tree.root])
            #expect(isWatched ? seen.count > 1 : seen.isEmpty)
            for (range, elements) in seen { #expect(elements == range.map { block.base[$0] }) }
            results.append((0..<block.count).map { block.base[$0] })
        }
        #expect(results[0] == results[1])
    }

    @Test("are the same bits again when blocks are used again")
    func reuse() throws {
        let configuration = try RunConfiguration.defaults(
            overrides: ["training.batch=12", "training.shards=5", "data.limit=100", "cluster.workers=1"])
        let replica = try Replica(configuration, threads: 1, environmentPath: nil)
        let plan = StepPlan(configuration, samples: 100)
        let loader = Loader(replica.pipeline, seed: 1, pool: replica.engine.memory)
        defer { loader.close() }
        // The last worker's shards 2 ..< 5 are no single node of the tree.
        let tree = ShardTree(shards: 5)
        let gradients = ShardGradients(replica, tree: tree, range: 2..<5)
        var rounds: [[ShardNode: [Float]]] = []
        for _ in 0..<2 {
            loader.enqueue(plan.requests(epoch: 0, from: 0, shards: 2..<5).prefix(3))
            let open = try gradients.compute(epoch: 0, step: 0, from: loader, isStopping: false)
            rounds.append(open.mapValues { block in (0..<block.count).map { block.base[$0] } })
        }
        #expect(Set(rounds[0].keys) == Set(tree.maximalNodes(in: 2..<5)))
        #expect(rounds[0] == rounds[1])
    }
}
