import Cluster
import Logging
import Messaging
import Tensors
import Testing

@Suite("CoordinatorState, running and failing")
struct CoordinatorRunningTests {
    @Test("a run is complete when all have finished with the same parameters")
    func completes() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.say(.step(stepReport(0)), "a")
        bench.say(.finished(finalReport()), "a")
        #expect(bench.outcomes.isEmpty)
        bench.handle(.disconnected("a"))
        bench.say(.finished(finalReport()), "b")
        #expect(bench.outcomes == [.completed(finalReport())])
        #expect(bench.messages(to: "b").last == .goodbye)
    }

    @Test("different parameters fail the run and name the ranks, the odd ones last")
    func differentHashes() {
        var bench = CoordinatorBench(workers: 3)
        bench.gather("a", "b", "c")
        bench.say(.finished(finalReport("x")), "a")
        bench.say(.finished(finalReport("y")), "b")
        bench.say(.finished(finalReport("y")), "c")
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "the workers ended with different parameters: worker 1 (alpha, pid 98), worker 2 (alpha, pid 99): y; "
                + "worker 0 (alpha, pid 97): x")
    }

    @Test("evaluation totals are the same bits in whatever order the shares arrive, and no chunk counts twice")
    func evaluation() {
        let chunks = (0..<40).map {
            EvaluationReport.Chunk(index: $0, count: 10, correct: $0 % 11, lossSum: 1 / Double($0 + 1), lossWeight: 10)
        }
        var all: [EvaluationTotals] = []
        for seed in 0..<20 as Range<UInt64> {
            var bench = CoordinatorBench(workers: 2)
            bench.gather("a", "b")
            var random = RandomStream(seed: seed)
            let shuffled = chunks.shuffled(using: &random)
            let cut = Int.random(in: 0...40, using: &random)
            bench.say(.evaluation(.init(epoch: 1, chunkCount: 40, chunks: Array(shuffled[..<cut]))), "a")
            bench.say(.evaluation(.init(epoch: 1, chunkCount: 40, chunks: Array(shuffled[..<(cut / 2)]))), "a")
            bench.say(.evaluation(.init(epoch: 1, chunkCount: 40, chunks: Array(shuffled[cut...]))), "b")
            bench.say(.evaluation(.init(epoch: 1, chunkCount: 40, chunks: Array(shuffled[cut...]))), "b")
            let totals = bench.reports.compactMap { if case .evaluated(let totals) = $0 { totals } else { nil } }
            #expect(totals.count == 1, "seed \(seed)")
            all += totals
        }
        #expect(all.allSatisfy { $0 == all[0] && $0.samples == 400 })
        #expect(all[0].lossSum == chunks.map(\.lossSum).reduce(0, +))
    }

    @Test("a chunk with two results, and a chunk that never came, fail the run")
    func evaluationContradicts() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        let chunk = EvaluationReport.Chunk(index: 1, count: 5, correct: 2, lossSum: 3, lossWeight: 5)
        var other = chunk
        other.correct = 3
        bench.say(.evaluation(.init(epoch: 0, chunkCount: 2, chunks: [chunk])), "a")
        var lacking = bench
        bench.say(.evaluation(.init(epoch: 0, chunkCount: 2, chunks: [other])), "b")
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 1 (alpha, pid 98) contradicts the others: chunk 1 of epoch 0 was evaluated twice with other results"
        )
        lacking.say(.finished(finalReport()), "a")
        lacking.say(.finished(finalReport()), "b")
        lacking.pass(.seconds(2))
        #expect(
            lacking.failure
                == "the evaluation of epoch 0 lacks 1 chunks, the first of them 0; a worker did not send its share")
    }

    @Test("reports out of turn are noted and do not count")
    func outOfTurn() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.say(.step(stepReport(3)), "a")
        let before = bench.reports.count
        bench.say(.step(stepReport(3)), "a")
        bench.say(.step(stepReport(4)), "b")
        bench.say(.step(stepReport(5)), "a", generation: 0)
        bench.say(.step(stepReport(5)), "a", generation: 2)
        bench.say(.ready(sameIdentity), "a")
        bench.say(.checkpointPart(.init(file: "f", step: 1, offset: 0, totalBytes: 2, isLast: true)), "b")
        bench.say(.finished(finalReport()), "b")
        bench.say(.finished(finalReport("other")), "b")
        let kinds = bench.reports[before...].map { if case .notice = $0 { "notice" } else { "other" } }
        #expect(kinds == ["notice", "notice", "notice", "notice", "notice", "notice", "other", "notice"])
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a killed worker is the cause, even when a survivor's complaint and a lost connection come first")
    func rootCause() {
        var bench = CoordinatorBench(workers: 3, launched: ["a", "b", "c"])
        bench.gather("a", "b", "c")
        bench.pass(.seconds(1), alive: ["a", "b", "c"], at: Progress(step: 17, phase: .computing))
        bench.say(.failed(WorkerFailure("lost worker 1 in step 17", origin: .consequence)), "a")
        bench.handle(.unreachable("b", reason: "no route"))
        bench.handle(.processExited("a", .status(1)))
        #expect(bench.messages(to: "c").last.map { if case .abort = $0 { true } else { false } } == true)
        #expect(bench.outcomes.isEmpty)
        bench.handle(.processExited("b", .signal(9)))
        #expect(bench.outcomes.isEmpty)
        bench.say(.failed(WorkerFailure("the run was aborted", origin: .consequence)), "c")
        #expect(
            bench.failure
                == "worker 1 (alpha, pid 98) was killed by signal 9 (SIGKILL) at step 17 (computing); then: "
                + "worker 0 (alpha, pid 97) failed at step 17 (computing): lost worker 1 in step 17; worker 2 (alpha, pid 99) failed at step 17 "
                + "(computing): the run was aborted")
    }

    @Test("a worker's own words are the cause, even when its exit is known first")
    func wordsBeatStatus() {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"])
        bench.gather("a", "b")
        bench.handle(.processExited("b", .status(1)))
        bench.say(.failed(WorkerFailure("sample 7 is damaged")), "b")
        bench.handle(.processExited("a", .status(1)))
        #expect(bench.failure?.hasPrefix("worker 1 (alpha, pid 98) failed: sample 7 is damaged; then: ") == true)
    }

    @Test("without a better cause the survivor's complaint is the verdict after a second")
    func consequenceAlone() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.say(.failed(WorkerFailure("waited 30 s for worker 1", origin: .consequence)), "a")
        bench.pass(.milliseconds(900), alive: ["b"])
        #expect(bench.outcomes.isEmpty)
        bench.pass(.milliseconds(200), alive: ["b"])
        #expect(bench.failure == "worker 0 (alpha, pid 97) failed: waited 30 s for worker 1")
    }

    @Test("a worker that falls silent is named with its last place")
    func silence() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.pass(.seconds(1), alive: ["a", "b"], at: Progress(step: 4, phase: .communicating))
        bench.pass(.seconds(4.9), alive: ["a"])
        #expect(bench.messages(to: "a").allSatisfy { if case .abort = $0 { false } else { true } })
        bench.pass(.seconds(2), alive: ["a"])
        #expect(
            bench.failure
                == "worker 1 (alpha, pid 98) sent no heartbeat for 5.0 s; it was last seen at step 4 (communicating)")
    }

    @Test("a coordinator that was itself held up blames nobody")
    func stall() {
        var bench = CoordinatorBench(workers: 1)
        bench.gather("a")
        bench.pass(.seconds(1), alive: ["a"])
        bench.now += .seconds(60)
        bench.handle(.tick)
        bench.pass(.seconds(3), alive: ["a"])
        #expect(bench.outcomes.isEmpty)
    }

    @Test("one interrupt stops at a step boundary with a report, two at once")
    func interrupts() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.handle(.interrupt)
        #expect(bench.messages(to: "a").last == .stop)
        #expect(bench.messages(to: "b").last == .stop)
        var twice = bench
        let stopped = finalReport(isComplete: false)
        bench.say(.finished(stopped), "a")
        bench.say(.finished(stopped), "b")
        #expect(bench.outcomes == [.interrupted(stopped)])
        twice.handle(.interrupt)
        #expect(twice.outcomes == [.interrupted(nil)])
        #expect(twice.messages(to: "a").last == .abort(reason: "the run was interrupted"))
    }

    @Test("a worker that was interrupted itself interrupts the run")
    func workerInterrupted() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.say(.failed(WorkerFailure("the worker was interrupted", origin: .interrupt)), "b")
        bench.say(.failed(WorkerFailure("lost worker 1", origin: .consequence)), "a")
        bench.pass(.seconds(2))
        #expect(bench.outcomes == [.interrupted(nil)])
    }

    @Test("nothing happens after the end")
    func nothingAfterTheEnd() {
        var bench = CoordinatorBench(workers: 1)
        bench.gather("a")
        bench.say(.finished(finalReport()), "a")
        let sent = bench.sent.count
        bench.handle(.interrupt)
        bench.handle(.disconnected("a"))
        bench.say(.hello(hello("b")), "b")
        bench.pass(.seconds(10))
        #expect(bench.outcomes.count == 1)
        #expect(bench.sent.count == sent)
    }

    @Test("log lines of workers cannot steer a terminal")
    func cleanLog() {
        var bench = CoordinatorBench(workers: 1)
        bench.gather("a")
        bench.say(.log(LogLine(.info, "one\u{1b}[2Jtwo\nthree")), "a")
        guard case .log(let worker, let line)? = bench.reports.last else { return #expect(Bool(false)) }
        #expect(worker == "a")
        #expect(line.line == "one [2Jtwo three")
    }
}
