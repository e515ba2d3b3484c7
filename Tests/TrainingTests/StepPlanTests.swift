import Datasets
import Testing
import Training

@Suite("Step plan")
struct StepPlanTests {
    private func plan(_ overrides: String..., samples: Int) throws -> StepPlan {
        StepPlan(try RunConfiguration.defaults(overrides: overrides), samples: samples)
    }

    @Test("the last step of an epoch may be short")
    func steps() throws {
        let plan = try plan("training.batch=48", "training.epochs=3", samples: 200)
        #expect(plan.stepsPerEpoch == 5)
        #expect(plan.totalSteps == 15)
        #expect(try self.plan("training.batch=50", samples: 200).stepsPerEpoch == 4)
        #expect(try self.plan("training.batch=500", samples: 200).stepsPerEpoch == 1)
    }

    @Test("the requests of all workers hold each sample of an epoch exactly once, with any shards and passes")
    func everySampleOnce() throws {
        for (shards, accumulate, workers) in [(6, 1, 1), (6, 2, 3), (5, 3, 2), (48, 1, 4)] {
            let plan = try plan(
                "training.batch=48", "training.shards=\(shards)", "training.accumulate=\(accumulate)", samples: 200)
            var seen: [Int] = []
            for worker in 0..<workers {
                let range = worker * shards / workers..<(worker + 1) * shards / workers
                let requests = plan.requests(epoch: 1, from: 0, shards: range)
                #expect(requests.count == 5 * range.count * accumulate)
                #expect(requests.allSatisfy { $0.epoch == 1 && $0.split == .train && $0.isAugmented })
                seen += requests.flatMap(\.indices)
            }
            #expect(seen.sorted() == Array(0..<200), "\(shards) shards, \(accumulate) passes, \(workers) workers")
        }
    }

    @Test("a shard's samples do not depend on who computes it, and its passes are the shard cut in order")
    func shardsAreCanonical() throws {
        let whole = try plan("training.batch=48", "training.shards=6", samples: 200)
        let cut = try plan("training.batch=48", "training.shards=6", "training.accumulate=3", samples: 200)
        let all = whole.requests(epoch: 0, from: 0, shards: 0..<6).map(\.indices)
        for shard in 0..<6 {
            let alone = whole.requests(epoch: 0, from: 0, shards: shard..<shard + 1).map(\.indices)
            #expect(alone == (0..<5).map { all[$0 * 6 + shard] })
            let passes = cut.requests(epoch: 0, from: 0, shards: shard..<shard + 1).map(\.indices)
            for step in 0..<5 {
                let joined = Array(passes[3 * step..<3 * step + 3].joined())
                #expect(joined == Array(alone[step]))
            }
        }
    }

    @Test("an epoch can be entered at any step, and each epoch and seed has an order of its own")
    func orders() throws {
        let plan = try plan("training.batch=48", "training.shards=2", samples: 200)
        let all = plan.requests(epoch: 0, from: 0, shards: 0..<2)
        #expect(plan.requests(epoch: 0, from: 3, shards: 0..<2) == Array(all[6...]))
        #expect(plan.requests(epoch: 1, from: 0, shards: 0..<2).map(\.indices) != all.map(\.indices))
        let other = try self.plan("training.batch=48", "training.shards=2", "run.seed=2", samples: 200)
        #expect(other.requests(epoch: 0, from: 0, shards: 0..<2) != all)
    }
}
