import Cluster
import Foundation
import Messaging
import Testing

@Suite("Coordinator and workers, simulated")
struct SimulationTests {
    /// The number of histories of a test; `CONVOY_SIMULATIONS` asks for more.
    private static func count(_ usual: UInt64) -> UInt64 {
        ProcessInfo.processInfo.environment["CONVOY_SIMULATIONS"].flatMap(UInt64.init) ?? usual
    }

    /// The first seed; to play one history again, `CONVOY_SIMULATION_SEED` names it.
    private static var first: UInt64 {
        ProcessInfo.processInfo.environment["CONVOY_SIMULATION_SEED"].flatMap(UInt64.init) ?? 0
    }

    @Test("without faults every history completes, whatever the delays", arguments: [1, 2, 5])
    func calm(workers: Int) {
        for seed in Self.first..<Self.first + 20 {
            var run = SimulatedRun(.init(workers: workers), seed: seed, faults: 0)
            run.play()
            #expect(run.history.violations == [], "seed \(seed)")
            #expect(run.outcome.map { if case .completed = $0 { true } else { false } } == true, "seed \(seed)")
            #expect(run.history.rewinds == 0, "seed \(seed)")
        }
    }

    @Test("with random faults no step is lost, none is taken twice, and everybody holds the state of a calm run")
    func faults() {
        var ends: [String: Int] = [:]
        var faults: [String: Int] = [:]
        var generations = 0
        for seed in Self.first..<Self.first + Self.count(60) {
            let workers = 1 + Int(seed % 5)
            var run = SimulatedRun(
                .init(workers: workers, minWorkers: 1 + Int(seed / 5) % min(workers, 2)), seed: seed,
                faults: 1 + Int(seed % 9))
            run.play()
            #expect(run.history.violations == [], "seed \(seed): \(run.history.events.joined(separator: "\n"))")
            faults.merge(run.history.faults, uniquingKeysWith: +)
            generations += run.history.generations.count
            switch run.outcome {
            case .completed: ends["completed", default: 0] += 1
            // Who is asked to leave, when too few would remain, stops the run.
            case .interrupted: #expect(run.history.faults["leave"] != nil, "seed \(seed): interrupted by nobody")
            case .failed(let failure): Issue.record("seed \(seed): failed: \(failure), \(run.history.faults)")
            case nil: Issue.record("seed \(seed): did not end, \(run.history.faults)")
            }
        }
        #expect(faults.count == SimulatedRun.Fault.crashes.count, "the histories are too alike: \(faults)")
        #expect(generations > 120 || Self.count(60) < 60, "only \(generations) generations")
    }

    @Test("a worker whose memory changes is healed from the majority, or the run fails and names both sides")
    func corruption() {
        var ends: [String: Int] = [:]
        for seed in Self.first..<Self.first + Self.count(20) {
            var run = SimulatedRun(
                .init(workers: 3 + Int(seed % 3)), seed: seed, faults: 1 + Int(seed % 4),
                of: [.corrupt, .corrupt, .join, .leave])
            run.play()
            #expect(run.history.violations == [], "seed \(seed): \(run.history.events.joined(separator: "\n"))")
            switch run.outcome {
            case .completed: ends["completed", default: 0] += 1
            case .failed(let failure):
                ends["failed", default: 0] += 1
                #expect(failure.cause.hasPrefix("the workers hold different parameters after step "), "seed \(seed)")
            case .interrupted: #expect(run.history.faults["leave"] != nil, "seed \(seed): interrupted by nobody")
            case nil: Issue.record("seed \(seed): \(String(describing: run.outcome))")
            }
        }
        #expect(ends["completed", default: 0] > 0, "\(ends)")
    }
}
