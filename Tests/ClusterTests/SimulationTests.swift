import Cluster
import Messaging
import Tensors
import Testing

@Suite("Coordinator and workers, simulated")
struct SimulationTests {
    @Test("without faults every history completes, whatever the delays", arguments: [1, 2, 5])
    func calm(workers: Int) {
        for seed in 0..<60 as Range<UInt64> {
            var history = SimulatedRun(workers: workers, seed: seed, faults: false)
            history.play()
            #expect(history.outcome == .completed(finalReport("h", isComplete: true)), "seed \(seed)")
            #expect(history.evaluations.map(\.samples) == [SimulatedRun.chunkCount * 3], "seed \(seed)")
            #expect(history.workerOutcomes.values.allSatisfy { $0 == .completed(finalReport("h")) }, "seed \(seed)")
        }
    }

    @Test("with random deaths, silences, duplicates, delays and interrupts the promises hold")
    func faults() {
        var ends: [String: Int] = [:]
        for seed in 0..<1500 as Range<UInt64> {
            var history = SimulatedRun(workers: 1 + Int(seed % 5), seed: seed, faults: true)
            history.play()
            // It ends, once, within bounded time.
            #expect(history.conclusions == 1, "seed \(seed): \(history.conclusions) conclusions")
            // Every generation has one member list.
            for (generation, lists) in history.rosters {
                #expect(
                    Set(lists).count == 1, "seed \(seed): generation \(generation) was started with two member lists")
            }
            // No chunk counts twice.
            for totals in history.evaluations {
                #expect(totals.samples == SimulatedRun.chunkCount * 3, "seed \(seed)")
            }
            #expect(history.evaluations.count <= 1, "seed \(seed)")
            switch history.outcome {
            case .completed:
                ends["completed", default: 0] += 1
                #expect(history.evaluations.count == 1, "seed \(seed)")
            case .interrupted:
                ends["interrupted", default: 0] += 1
                #expect(history.interrupts > 0, "seed \(seed): interrupted by nobody")
            case .failed(let failure):
                ends["failed", default: 0] += 1
                // The culprit is named, unless the run never had enough workers.
                let isNamed = history.culprits.contains {
                    failure.cause.contains("pid \($0))") || failure.cause.contains("'w\($0)'")
                }
                let isGathering = failure.cause.hasPrefix("the run did not start within")
                if let killed = history.onlyKilledWhileTraining {
                    let name = "(alpha, pid \(killed)) was killed by signal 9 (SIGKILL)"
                    #expect(failure.cause.contains(name), "seed \(seed): \(failure)")
                    ends["killed", default: 0] += 1
                }
                #expect(isNamed || isGathering, "seed \(seed): culprits \(history.culprits), verdict: \(failure)")
            case nil:
                Issue.record("seed \(seed): no outcome")
            }
            // Nobody is left behind: every worker that lives has ended too.
            #expect(history.survivors.isEmpty, "seed \(seed): \(history.survivors) go on")
        }
        #expect(ends.count == 4 && ends.values.allSatisfy { $0 > 50 }, "the histories are too alike: \(ends)")
    }
}
