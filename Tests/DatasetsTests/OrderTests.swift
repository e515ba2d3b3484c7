import Datasets
import Tensors
import Testing

@Suite("Epoch order and batch plan")
struct OrderTests {
    @Test("every sample is in exactly one shard of one step", arguments: 0..<20)
    func visitsEverySampleOnce(round: Int) {
        let seed = UInt64(7000 + round)
        var random = RandomStream(seed: seed)
        let count = random.integer(below: 300)
        let batch = 1 + random.integer(below: 40)
        let shards = 1 + random.integer(below: 12)
        let plan = BatchPlan(
            EpochOrder(count: count, seed: seed, epoch: random.integer(below: 5)), batchSize: batch, shards: shards)
        var seen: [Int] = []
        for step in 0..<plan.steps {
            let parts = (0..<shards).map { plan.shard($0, of: step) }
            #expect(Array(parts.joined()) == Array(plan.batch(step)))
            let sizes = parts.map(\.count)
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "seed \(seed), step \(step): \(sizes)")
            #expect(step == plan.steps - 1 || plan.batch(step).count == batch, "seed \(seed), step \(step)")
            seen += parts.joined()
        }
        #expect(seen.sorted() == Array(0..<count), "seed \(seed): \(count) samples, batch \(batch), \(shards) shards")
    }

    @Test("cutting into other numbers of shards keeps the batches")
    func keepsBatches() {
        let order = EpochOrder(count: 103, seed: 5, epoch: 2)
        let one = BatchPlan(order, batchSize: 16)
        let three = BatchPlan(order, batchSize: 16, shards: 3)
        #expect((0..<one.steps).map { Array(one.batch($0)) } == (0..<three.steps).map { Array(three.batch($0)) })
        #expect(three.shard(1, of: 6).count == 2)
    }

    @Test("the shards of a batch that is smaller than their number are empty or hold one sample")
    func allowsEmptyShards() {
        let plan = BatchPlan(EpochOrder(inStorageOrder: 2), batchSize: 8, shards: 5)
        #expect((0..<5).map { Array(plan.shard($0, of: 0)) } == [[], [], [0], [], [1]])
    }

    @Test("order depends on seed and epoch alone and differs between them")
    func dependsOnSeedAndEpoch() {
        let order = EpochOrder(count: 1000, seed: 1, epoch: 0)
        #expect(order == EpochOrder(count: 1000, seed: 1, epoch: 0))
        #expect(order != EpochOrder(count: 1000, seed: 1, epoch: 1))
        #expect(order != EpochOrder(count: 1000, seed: 2, epoch: 0))
        #expect(order != EpochOrder(inStorageOrder: 1000))
    }

    @Test("every order of four samples is about equally likely")
    func shufflesEvenly() {
        var counts: [[Int]: Int] = [:]
        for epoch in 0..<4800 { counts[EpochOrder(count: 4, seed: 11, epoch: epoch).indices, default: 0] += 1 }
        #expect(counts.count == 24)
        // 200 are expected of each; the bound is five standard deviations.
        #expect(counts.values.allSatisfy { abs($0 - 200) < 70 }, "\(counts.values.sorted())")
    }

    @Test("an order is the same in every build")
    func keepsItsBits() {
        #expect(EpochOrder(count: 10, seed: 1, epoch: 0).indices == [5, 0, 3, 1, 7, 6, 8, 4, 2, 9])
    }

    @Test("with buckets every sample still comes once, the short batch last, and batches hold clips of like length")
    func bucketsByLength() {
        for seed in UInt64(0)..<10 {
            var random = RandomStream(seed: seed)
            let lengths = (0..<1003).map { _ in 8 + random.integer(below: 9) }
            let order = EpochOrder(lengths: lengths, batchSize: 16, seed: seed, epoch: 3)
            #expect(order.indices.sorted() == Array(0..<1003), "seed \(seed)")
            #expect(order == EpochOrder(lengths: lengths, batchSize: 16, seed: seed, epoch: 3))
            #expect(order != EpochOrder(lengths: lengths, batchSize: 16, seed: seed, epoch: 4))
            #expect(order != EpochOrder(lengths: lengths, batchSize: 16, seed: seed + 1, epoch: 3))
            func padding(_ order: EpochOrder) -> Int {
                let plan = BatchPlan(order, batchSize: 16)
                return (0..<plan.steps).map { step in
                    let clips = plan.batch(step).map { lengths[$0] }
                    return (clips.max() ?? 0) * clips.count - clips.reduce(0, +)
                }.reduce(0, +)
            }
            let plain = padding(EpochOrder(count: 1003, seed: seed, epoch: 3))
            #expect(padding(order) * 8 < plain, "seed \(seed): \(padding(order)) of \(plain)")
            // Long and short batches take turns as chance has it.
            let plan = BatchPlan(order, batchSize: 16)
            let means = (0..<62).map { plan.batch($0).map { lengths[$0] }.reduce(0, +) }
            #expect(means != means.sorted() && means != means.sorted(by: >))
        }
    }

    @Test("sorted by length the samples come shortest first, of equal lengths as they are stored")
    func sortsByLength() {
        #expect(EpochOrder(sortedBy: [3, 1, 2, 1, 3]).indices == [1, 3, 2, 0, 4])
    }

    @Test("evaluation visits the samples as they are stored")
    func evaluatesInStorageOrder() {
        let plan = BatchPlan(EpochOrder(inStorageOrder: 7), batchSize: 3)
        #expect((0..<plan.steps).map { Array(plan.batch($0)) } == [[0, 1, 2], [3, 4, 5], [6]])
    }
}
