import Cluster
import Logging
import Testing

@Suite("WorkerState, reporting")
struct WorkerReportsTests {
    @Test("short steps are reported together with a heartbeat, and before whatever is said of them")
    func shortSteps() {
        var bench = WorkerStateTests.Bench()
        bench.train()
        bench.handle(.tick(Progress(step: 0, phase: .computing)))
        let before = bench.sent.count
        func step(_ step: Int) { bench.handle(.reported(.step(stepReport(step)))) }
        step(0)
        step(1)
        step(2)
        // The first one at once.
        #expect(bench.messages[before...] == [.steps([stepReport(0)])])
        bench.pass(.milliseconds(500))
        let beat = WorkerMessage.heartbeat(Progress(step: 3, phase: .computing))
        #expect(bench.messages[before...].suffix(2) == [.steps([stepReport(1), stepReport(2)]), beat])
        // Long ones at once, all of them.
        step(3)
        #expect(bench.messages.last == .steps([stepReport(3)]))
        bench.pass(.milliseconds(500))
        step(4)
        #expect(bench.messages.suffix(2) == [beat, .steps([stepReport(4)])])
        step(5)
        let verification = Verification(steps: 6, parameterHash: "abc")
        bench.handle(.reported(.verification(verification)))
        #expect(bench.messages.suffix(2) == [.steps([stepReport(5)]), .verification(verification)])
        step(6)
        let share = EvaluationReport(epoch: 0, chunkCount: 1, chunks: [])
        bench.handle(.reported(.evaluation(share)))
        #expect(bench.messages.suffix(2) == [.steps([stepReport(6)]), .evaluation(share)])
        step(7)
        let failure = WorkerFailure("its disk is full")
        bench.handle(.failed(failure))
        #expect(bench.messages.suffix(2) == [.steps([stepReport(7)]), .failed(failure)])
    }

    @Test("a new generation hears again what is not known to be written down, in parts that a message holds")
    func unrecorded() {
        var bench = WorkerStateTests.Bench()
        bench.train()
        for step in 0..<2500 { bench.handle(.reported(.step(stepReport(step)))) }
        bench.handle(.paused(Pause(steps: 2500)))
        bench.hear(.ping(.init(steps: 300)), generation: 1)
        let before = bench.sent.count
        bench.start(generation: 2, firstStep: 2500)
        bench.handle(.reported(.step(stepReport(2500))))
        let sizes = bench.messages[before...].compactMap {
            if case .steps(let reports) = $0 { [reports.first?.step, reports.last?.step] } else { nil }
        }
        #expect(sizes == [[300, 1299], [1300, 2299], [2300, 2500]])
    }

    @Test("only rank 0 reports steps while it trains; the others do when they pause")
    func laterRanks() {
        var bench = WorkerStateTests.Bench()
        bench.configure()
        bench.handle(.configured(Readiness(sameIdentity)))
        bench.start(generation: 1, rank: 1)
        bench.handle(.reported(.step(stepReport(0))))
        #expect(!bench.messages.contains(.steps([stepReport(0)])))
        bench.hear(.halt(reason: "worker 0 is gone"), generation: 1)
        #expect(bench.others.last == "cancel 1: worker 0 is gone")
        bench.handle(.paused(Pause(steps: 1)))
        #expect(bench.messages.suffix(2) == [.steps([stepReport(0)]), .paused(Pause(steps: 1))])
        bench.start(generation: 2, firstStep: 1)
        #expect(bench.others.last == "start 2")
    }

    @Test("reports outside of the training are dropped, log lines are not")
    func reportsOutsideTraining() {
        var bench = WorkerStateTests.Bench()
        bench.handle(.reported(.log(LogLine(.info, "nobody to hear it"))))
        bench.configure()
        let before = bench.sent.count
        bench.handle(.reported(.step(stepReport(1))))
        bench.handle(.reported(.log(LogLine(.info, "loading"))))
        bench.handle(.configured(Readiness(sameIdentity)))
        bench.handle(.configured(Readiness(sameIdentity)))
        bench.handle(.finished(finalReport()))
        #expect(
            bench.sent[before...].map(\.message) == [.log(LogLine(.info, "loading")), .ready(Readiness(sameIdentity))])
    }
}
