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
        bench.say(.steps([stepReport(0)]), "a")
        for peer in ["a", "b"] as [PeerID] {
            bench.say(.verification(Verification(steps: 10, parameterHash: "h0")), peer)
        }
        bench.checkpoint(10, from: "a")
        bench.say(.finished(finalReport()), "a")
        #expect(bench.outcomes.isEmpty)
        bench.handle(.disconnected("a"))
        bench.say(.finished(finalReport()), "b")
        #expect(bench.outcomes == [.completed(finalReport())])
        #expect(bench.messages(to: "b").last == .goodbye)
    }

    @Test("a checkpoint counts once its steps are reported and the parameters compared, and never with wrong ones")
    func checkpoints() {
        func parts(_ bench: CoordinatorBench) -> [Int] {
            bench.reports.compactMap { if case .checkpointPart(let part, _) = $0 { part.offset } else { nil } }
        }
        func send(_ step: Int, _ bench: inout CoordinatorBench) {
            for (offset, isLast) in [(0, false), (2, true)] {
                let part = CheckpointPart(
                    file: "m", step: step, offset: offset, totalBytes: 4, isFirst: offset == 0, isLast: isLast)
                bench.say(.checkpointPart(part), "a")
            }
        }
        var bench = CoordinatorBench(workers: 3)
        bench.gather("a", "b", "c")
        bench.say(.checkpointPart(.init(file: "m", step: 1, offset: 2, totalBytes: 4, isLast: true)), "a")
        #expect(parts(bench) == [], "the end of something whose beginning is missing")
        send(1, &bench)
        #expect(parts(bench) == [0])
        for peer in ["a", "b", "c"] as [PeerID] {
            bench.say(.verification(Verification(steps: 1, parameterHash: "x")), peer)
        }
        #expect(parts(bench) == [0])
        bench.say(.steps([stepReport(0)]), "a")
        #expect(parts(bench) == [0, 2])
        bench.say(.steps([stepReport(1)]), "a")
        send(2, &bench)
        for (peer, hash) in [("a", "y"), ("b", "x"), ("c", "x")] {
            bench.say(.verification(Verification(steps: 2, parameterHash: hash)), PeerID(stringLiteral: peer))
        }
        bench.pause("a", "b", "c", after: 2)
        #expect(parts(bench) == [0, 2, 0])
        #expect(bench.starts.last?.members.map(\.steps) == [nil, 2, 2])
        #expect(bench.starts.last?.savedStep == 1)
    }

    @Test("a run whose last checkpoint was lost with a coordinator ends once it is sent again")
    func lastCheckpoint() {
        var past = RunPast()
        past.generation = 1
        past.members = [.init(id: "a", hello: hello("a"))]
        past.shardCounts = [1]
        past.steps = 10
        var bench = CoordinatorBench(workers: 1, past: past)
        var attached = hello("a")
        attached.attachedGeneration = 1
        bench.say(.hello(attached), "a", run: "r1")
        bench.say(.finished(finalReport()), "a")
        #expect(bench.messages(to: "a").last == .conclude(savesCheckpoint: true))
        #expect(bench.outcomes.isEmpty)
        bench.checkpoint(10, from: "a")
        bench.say(.finished(finalReport()), "a")
        #expect(bench.outcomes == [.completed(finalReport())])
    }

    @Test(
        "workers are let go once the last checkpoint is on the disk, or cannot get there, also when they die meanwhile")
    func lastWords() {
        func finish() -> CoordinatorBench {
            var bench = CoordinatorBench(workers: 1)
            bench.isDiskFast = false
            bench.gather("a")
            bench.checkpoint(10, from: "a")
            bench.say(.finished(finalReport()), "a")
            #expect(bench.outcomes.isEmpty && !bench.messages(to: "a").contains(.goodbye))
            return bench
        }
        var saved = finish()
        saved.handle(.saved(step: 5))
        #expect(saved.outcomes.isEmpty)
        saved.handle(.saved(step: 10))
        guard case .completed(finalReport())? = saved.reports.last else { return #expect(Bool(false)) }
        #expect(saved.outcomes == [.completed(finalReport())] && saved.messages(to: "a").last == .goodbye)

        var refused = finish()
        refused.handle(.notSaved(step: 9, reason: "the disk is full"))
        #expect(refused.outcomes.isEmpty)
        refused.handle(.notSaved(step: 10, reason: "the disk is full"))
        #expect(refused.outcomes == [.completed(finalReport())] && refused.messages(to: "a").last == .goodbye)

        var alone = finish()
        alone.handle(.disconnected("a"))
        alone.handle(.interrupt)
        #expect(alone.outcomes.isEmpty)
        alone.pass(.seconds(121))
        #expect(alone.outcomes == [.completed(finalReport())])
    }

    @Test("a run that was complete when its coordinator died ends at once, and those who did not hear of it do now")
    func afterTheEnd() {
        var past = RunPast()
        past.generation = 2
        past.steps = 10
        past.savedStep = 10
        past.final = finalReport()
        var local = CoordinatorBench(workers: 2, past: past)
        local.handle(.tick)
        #expect(local.outcomes == [.completed(finalReport())])

        past.members = [.init(id: "a", hello: hello("a")), .init(id: "b", hello: hello("b"))]
        past.shardCounts = [1, 1]
        var gone = CoordinatorBench(workers: 2, past: past)
        gone.pass(.seconds(4))
        #expect(gone.outcomes.isEmpty)
        gone.say(.hello(hello("c")), "c")
        #expect(gone.messages(to: "c") == [.refused(reason: "the run is ending; start it for the next run")])
        gone.pass(.seconds(2))
        #expect(gone.outcomes == [.completed(finalReport())])

        var there = CoordinatorBench(workers: 2, past: past)
        for peer in ["a", "b"] as [PeerID] {
            there.handle(.disconnected(peer))
            var attached = hello(peer)
            attached.attachedGeneration = 2
            there.say(.hello(attached), peer, run: "r1")
            there.say(.finished(finalReport()), peer)
        }
        #expect(there.outcomes == [.completed(finalReport())] && there.messages(to: "a").last == .goodbye)

        // Its last checkpoint is damaged, so the steps since the one before are taken again.
        past.savedStep = 5
        past.members = []
        var damaged = CoordinatorBench(workers: 1, past: past)
        damaged.gather("c")
        #expect(damaged.outcomes.isEmpty && damaged.starts.last?.firstStep == 5)
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
            bench.say(.evaluation(.init(epoch: 0, chunkCount: 40, chunks: Array(shuffled[..<cut]))), "a")
            bench.say(.evaluation(.init(epoch: 0, chunkCount: 40, chunks: Array(shuffled[..<(cut / 2)]))), "a")
            bench.say(.evaluation(.init(epoch: 0, chunkCount: 40, chunks: Array(shuffled[cut...]))), "b")
            bench.say(.evaluation(.init(epoch: 0, chunkCount: 40, chunks: Array(shuffled[cut...]))), "b")
            let totals = bench.reports.compactMap { if case .evaluated(let totals) = $0 { totals } else { nil } }
            #expect(totals.count == 1, "seed \(seed)")
            #expect(bench.messages(to: "a").contains(.evaluated(epoch: 0)), "seed \(seed)")
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

    @Test("steps count once, in order, and reports of another generation or of one who does not train do not count")
    func outOfTurn() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        for (steps, peer) in [([0], "a"), ([0], "a"), ([2], "a"), ([0, 1], "b"), ([0, 1], "a")] {
            bench.say(.steps(steps.map { stepReport($0) }), PeerID(stringLiteral: peer))
        }
        bench.say(.steps([stepReport(2)]), "a", generation: 0)
        bench.say(.steps([stepReport(2)]), "a", generation: 2)
        let steps = bench.committedSteps
        #expect(steps == [0, 1])
        bench.say(.ready(Readiness(sameIdentity)), "a")
        #expect(bench.messages(to: "a").last == bench.starts.first.map { .start($0) })
        bench.say(.finished(finalReport()), "b")
        bench.say(.finished(finalReport("other")), "b")
        #expect(bench.outcomes.isEmpty)
        #expect(
            bench.notices.suffix(3) == [
                "worker 0 (alpha, pid 97) sent a message of generation 2 in generation 1; ignored",
                "worker 0 (alpha, pid 97) said that it is ready again",
                "worker 1 (alpha, pid 98) reported something while it did not train; ignored",
            ])
    }

    @Test("an interrupt pauses at a step boundary, one worker saves, and all say how they ended; two end at once")
    func interrupts() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.handle(.interrupt)
        #expect(bench.messages(to: "a").last == .pause)
        #expect(bench.messages(to: "b").last == .pause)
        var twice = bench
        bench.pause("a", "b", after: 10)
        #expect(bench.messages(to: "a").last == .conclude(savesCheckpoint: true))
        #expect(bench.messages(to: "b").last == .conclude(savesCheckpoint: false))
        let stopped = finalReport(isComplete: false)
        bench.checkpoint(10, from: "a")
        bench.say(.finished(stopped), "a")
        bench.say(.finished(stopped), "b")
        #expect(bench.outcomes == [.interrupted(stopped)])
        twice.handle(.interrupt)
        #expect(twice.outcomes == [.interrupted(nil)])
        #expect(twice.messages(to: "a").last == .abort(reason: "the run was interrupted"))
    }

    @Test("a fault of the run itself fails it at once, with the worker's words first")
    func fatal() {
        var bench = CoordinatorBench(workers: 2)
        bench.gather("a", "b")
        bench.say(.failed(WorkerFailure("the gradient is not finite on another worker", origin: .consequence)), "b")
        bench.say(.failed(WorkerFailure("the gradient of fc1.weight is not finite", origin: .run)), "a")
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 0 (alpha, pid 97) failed: the gradient of fc1.weight is not finite; then: worker 1 (alpha, pid 98) "
                + "failed: the gradient is not finite on another worker")
    }

    @Test("without workers that could come back, the first cause ends the run, also when its effects are known first")
    func rootCause() {
        var bench = CoordinatorBench(workers: 2, minWorkers: 2, launched: ["a", "b"])
        bench.gather("a", "b")
        bench.pass(.seconds(1), alive: ["a", "b"], at: Progress(step: 17, phase: .computing))
        bench.say(.paused(Pause(steps: 17, reason: "lost worker 1", suspects: [1])), "a")
        bench.handle(.disconnected("b"))
        #expect(bench.outcomes.isEmpty)
        bench.handle(.processExited("b", .signal(9)))
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 1 (alpha, pid 98) was killed by signal 9 (SIGKILL) at step 17 (computing); then: only 1 of at "
                + "least 2 workers are left, and nobody starts others")
    }

    @Test("a worker's own words are the cause, even when its exit is known first")
    func wordsBeatStatus() {
        var bench = CoordinatorBench(workers: 1, launched: ["a"])
        bench.gather("a")
        bench.say(.failed(WorkerFailure("sample 7 is damaged")), "a")
        bench.handle(.processExited("a", .status(1)))
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 0 (alpha, pid 97) failed: sample 7 is damaged; then: only 0 of at least 1 workers are left, and "
                + "nobody starts others")
    }

    @Test("words that come after a worker's exit are the cause, too", arguments: [WorkerFailure.Origin.own, .run])
    func lateWords(origin: WorkerFailure.Origin) {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"])
        bench.gather("a", "b")
        bench.say(.failed(WorkerFailure("worker 0 is away", origin: .consequence)), "b")
        bench.handle(.processExited("b", .status(1)))
        bench.handle(.processExited("a", .status(1)))
        bench.say(.failed(WorkerFailure("sample 7 is damaged", origin: origin)), "a")
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 0 (alpha, pid 97) failed: sample 7 is damaged; then: worker 1 (alpha, pid 98) failed: worker 0 is "
                + "away; only 0 of at least 1 workers are left, and nobody starts others")
    }

    @Test("a fault of the run itself ends it also when the worker that says so is gone already")
    func lateFault() {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"])
        bench.gather("a", "b")
        bench.handle(.processExited("a", .status(1)))
        #expect(bench.outcomes.isEmpty)
        bench.say(.failed(WorkerFailure("the gradient of fc1.weight is not finite", origin: .run)), "a")
        bench.pass(.seconds(2))
        #expect(
            bench.failure == "worker 0 (alpha, pid 97) failed: the gradient of fc1.weight is not finite")
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
        #expect(!bench.messages(to: "a").contains { if case .halt = $0 { true } else { false } })
    }

    @Test("what is written down is acknowledged, and a checkpoint that failed is asked for again")
    func records() {
        var bench = CoordinatorBench(workers: 1)
        bench.gather("a")
        for step in 0..<3 { bench.say(.steps([stepReport(step)]), "a") }
        bench.pass(.seconds(1.5), alive: ["a"])
        #expect(bench.messages(to: "a").last == .ping(.init(steps: 3)))
        bench.handle(.notSaved(step: 3, reason: "the disk is full"))
        #expect(bench.notices.last == "the disk is full")
        bench.pass(.seconds(9), alive: ["a"])
        #expect(!bench.messages(to: "a").contains(.save))
        bench.pass(.seconds(2), alive: ["a"])
        #expect(bench.messages(to: "a").contains(.save))
    }

    @Test("nothing happens after the end")
    func nothingAfterTheEnd() {
        var bench = CoordinatorBench(workers: 1)
        bench.gather("a")
        bench.checkpoint(10, from: "a")
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
