import Cluster
import Messaging
import Testing

@Suite("CoordinatorState, changing members")
struct CoordinatorElasticTests {
    private func halts(_ bench: CoordinatorBench, to peer: PeerID) -> [String] {
        bench.messages(to: peer).compactMap { if case .halt(let reason) = $0 { reason } else { nil } }
    }

    @Test("when a worker is lost the others halt, say where they stand, and go on from the furthest step")
    func loses() {
        var bench = CoordinatorBench(workers: 3, shards: 8)
        bench.gather("a", "b", "c")
        #expect(bench.starts.map(\.shardCounts) == [[3, 3, 2], [3, 3, 2], [3, 3, 2]])
        bench.say(.steps([stepReport(0)]), "a")
        bench.handle(.disconnected("a"))
        #expect(halts(bench, to: "b") == ["worker 0 (alpha, pid 97) closed its connection"])
        // One has the whole sum of step 1, the other one has not; and the report of step 1 died with rank 0.
        bench.say(.steps([stepReport(1)]), "b")
        bench.pause("b", after: 2)
        #expect(bench.starts.count == 3)
        bench.pause("c", after: 1)
        let starts = bench.starts.suffix(2)
        #expect(starts.map(\.rank) == [0, 1])
        #expect(starts.allSatisfy { $0.generation == 2 && $0.firstStep == 2 && $0.shardCounts == [4, 4] })
        #expect(starts.first?.members.map(\.id) == ["b", "c"])
        #expect(starts.first?.needy == [1] && starts.first?.donor(of: 1) == 0)
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a worker that joins gets a place at the next step boundary, and one member gives it the state")
    func joins() {
        var bench = CoordinatorBench(workers: 1, shards: 4)
        bench.gather("a")
        bench.gather("b")
        #expect(bench.messages(to: "a").last == .pause)
        for step in 0..<7 { bench.say(.steps([stepReport(step)]), "a") }
        bench.pause("a", after: 7)
        let start = bench.starts.last
        #expect(start?.members.map(\.id) == ["a", "b"] && start?.firstStep == 7 && start?.shardCounts == [2, 2])
        #expect(start?.members.map(\.steps) == [7, 0] && start?.donor(of: 1) == 0)
    }

    @Test("below the least number of workers the run pauses visibly, goes on with the next one, or gives up in the end")
    func minimum() {
        var bench = CoordinatorBench(workers: 2, minWorkers: 2, shards: 4, joinTimeout: .seconds(30))
        bench.gather("a", "b")
        bench.say(.steps([stepReport(0)]), "a")
        bench.handle(.disconnected("b"))
        bench.say(.paused(Pause(steps: 1, parameterHash: "x")), "a")
        #expect(bench.notices.last == "paused: 1 of at least 2 workers are there; start more with convoy worker")
        #expect(bench.messages(to: "a").last == .save)
        bench.checkpoint(1, from: "a")
        guard case .saved(step: 1)? = bench.reports.last else { return #expect(Bool(false)) }
        bench.pass(.seconds(11), alive: ["a"])
        let waits = bench.reports.compactMap { if case .waiting(let waiting) = $0 { waiting } else { nil } }
        #expect(waits.suffix(2).allSatisfy { $0.missing == 1 && $0.needed == 2 })
        var gone = bench
        bench.gather("c")
        #expect(bench.starts.suffix(2).map(\.generation) == [2, 2])
        gone.pass(.seconds(25), alive: ["a"])
        #expect(
            gone.failure
                == "worker 1 (alpha, pid 98) closed its connection; then: the run did not go on within 30.0 s: 1 of 2 "
                + "workers is missing; ready: worker 0 (alpha, pid 97); resume it when there are enough")
    }

    @Test("with all workers gone it goes back to the checkpoint, which the coordinator gives to the next ones")
    func rewinds() {
        var bench = CoordinatorBench(workers: 1, shards: 4)
        bench.gather("a")
        for step in 0..<9 { bench.say(.steps([stepReport(step)]), "a") }
        bench.handle(.saved(step: 5))
        bench.handle(.disconnected("a"))
        bench.gather("b")
        let start = bench.starts.last
        #expect(start?.firstStep == 5 && start?.holders == [] && start?.needy == [0] && start?.savedStep == 5)
        let rewinds = bench.reports.compactMap { if case .rewound(let step) = $0 { step } else { nil } }
        #expect(rewinds == [5])
        bench.say(.steps([stepReport(5)]), "b")
        let steps = bench.committedSteps
        #expect(steps == Array(0..<9) + [5])
    }

    @Test("it does not go back behind a checkpoint that is being written")
    func rewindsWhenSaved() {
        var bench = CoordinatorBench(workers: 1, shards: 4)
        bench.isDiskFast = false
        bench.gather("a")
        for step in 0..<7 { bench.say(.steps([stepReport(step)]), "a") }
        bench.handle(.saved(step: 5))
        bench.checkpoint(7, from: "a")
        bench.handle(.disconnected("a"))
        bench.gather("b")
        #expect(bench.starts.count == 1)
        var (refused, hung) = (bench, bench)
        bench.handle(.saved(step: 7))
        #expect(bench.starts.last?.firstStep == 7)
        refused.handle(.notSaved(step: 7, reason: "the disk is full"))
        #expect(refused.starts.last?.firstStep == 5)
        hung.pass(.seconds(140), alive: ["b"])
        #expect(
            hung.failure?.contains(
                "the checkpoint of step 7 did not reach the disk within 120.0 s, and no worker is as far; mend the disk, then "
                    + "go on with convoy resume") == true)
    }

    @Test("a silent worker is lost with its last place; when it wakes it is told why and may join anew")
    func silence() {
        var bench = CoordinatorBench(workers: 2, shards: 2)
        bench.gather("a", "b")
        bench.pass(.seconds(1), alive: ["a", "b"], at: Progress(step: 4, phase: .communicating))
        bench.pass(.seconds(5.2), alive: ["a"], at: Progress(step: 4, phase: .communicating))
        let text = "worker 1 (alpha, pid 98) sent no heartbeat for 5.0 s; it was last seen at step 4 (communicating)"
        #expect(halts(bench, to: "a") == [text])
        bench.pause("a", after: 4)
        #expect(bench.starts.last?.members.map(\.id) == ["a"])
        bench.say(.heartbeat(Progress(step: 4, phase: .communicating)), "b", generation: 1)
        #expect(bench.messages(to: "b").last == .rejoin(reason: text + ", and the others went on without it"))
        bench.gather("b")
        #expect(bench.messages(to: "a").last == .pause)
    }

    @Test("a worker that sends heartbeats and computes no further is put out, and those who wait for it are not")
    func stuck() {
        var bench = CoordinatorBench(workers: 3, shards: 3)
        bench.gather("a", "b", "c")
        for step in 0..<5 { bench.say(.steps([stepReport(step)]), "a") }
        // Half a second a step: the floor of 30 seconds counts.
        for _ in 0..<40 {
            bench.say(.heartbeat(Progress(step: 5, phase: .communicating)), "a")
            bench.say(.heartbeat(Progress(step: 5, phase: .communicating)), "b")
            bench.pass(.seconds(1), alive: ["c"], at: Progress(step: 5, phase: .computing))
        }
        #expect(
            bench.messages(to: "c").last == .rejoin(reason: "it has made no progress for 30.0 s (computing, step 5)"))
        #expect(halts(bench, to: "a") == ["worker 2 (alpha, pid 99) is stuck"])
        bench.pause("a", "b", after: 5)
        #expect(bench.starts.last?.members.map(\.id) == ["a", "b"])
    }

    @Test("a worker that evaluates for long is not put out as long as it gets on")
    func evaluating() {
        var bench = CoordinatorBench(workers: 2, shards: 2)
        bench.gather("a", "b")
        for step in 0..<5 { bench.say(.steps([stepReport(step)]), "a") }
        let starts = bench.starts.count
        for second in 0..<80 {
            bench.say(.heartbeat(Progress(step: 5, phase: .waiting)), "a")
            let progress = Progress(step: 5, phase: .evaluating, parts: min(second, 60) / 20)
            bench.pass(.seconds(1), alive: ["b"], at: progress)
        }
        #expect(halts(bench, to: "a").isEmpty && bench.starts.count == starts)
        for _ in 0..<20 {
            bench.say(.heartbeat(Progress(step: 5, phase: .waiting)), "a")
            bench.pass(.seconds(1), alive: ["b"], at: Progress(step: 5, phase: .evaluating, parts: 3))
        }
        #expect(
            bench.messages(to: "b").last == .rejoin(reason: "it has made no progress for 30.0 s (evaluating, step 5)"))
    }

    @Test("when two workers cannot reach each other and nobody is lost, the one that is accused goes, not the other")
    func accused() {
        var bench = CoordinatorBench(workers: 3, shards: 3)
        bench.gather("a", "b", "c")
        bench.say(.paused(Pause(steps: 2, reason: "waited for worker 1", suspects: [1])), "a")
        bench.say(.paused(Pause(steps: 2, reason: "waited for worker 0", suspects: [0])), "b")
        bench.say(.paused(Pause(steps: 2, reason: "waited for worker 1", suspects: [1])), "c")
        #expect(bench.messages(to: "b").last == .rejoin(reason: "2 other workers could not exchange gradients with it"))
        #expect(bench.starts.last?.members.map(\.id) == ["a", "c"])
    }

    @Test("a worker that is asked to end leaves at a step boundary; when too few would remain the run stops with it")
    func leaving() {
        var bench = CoordinatorBench(workers: 2, shards: 2)
        bench.gather("a", "b")
        bench.say(.leaving, "b")
        #expect(bench.messages(to: "a").last == .pause)
        bench.pause("a", "b", after: 3)
        #expect(bench.messages(to: "b").last == .goodbye)
        #expect(bench.starts.last?.members.map(\.id) == ["a"])
        bench.say(.leaving, "a")
        bench.pause("a", after: 5)
        #expect(bench.messages(to: "a").last == .conclude(savesCheckpoint: true))
        bench.checkpoint(10, from: "a")
        bench.say(.finished(finalReport(isComplete: false)), "a")
        #expect(bench.outcomes == [.interrupted(finalReport(isComplete: false))])
    }

    @Test("other parameters than those of most are named and replaced; without a majority the run fails")
    func divergence() {
        var bench = CoordinatorBench(workers: 3, shards: 3)
        bench.gather("a", "b", "c")
        for step in 0..<51 { bench.say(.steps([stepReport(step)]), "a") }
        for (peer, hash) in [("a", "x"), ("b", "y"), ("c", "x")] {
            bench.say(.verification(Verification(steps: 50, parameterHash: hash)), PeerID(stringLiteral: peer))
        }
        #expect(
            bench.notices.last
                == "worker 1 (alpha, pid 98) holds other parameters than most after step 50, and takes over theirs: worker 0 "
                + "(alpha, pid 97), worker 2 (alpha, pid 99): x; worker 1 (alpha, pid 98): y; check the memory of its host"
        )
        bench.pause("a", "b", "c", after: 51)
        #expect(bench.starts.last?.members.map(\.steps) == [51, nil, 51])
        #expect(bench.starts.last?.donor(of: 1) == 0)

        var tie = CoordinatorBench(workers: 2)
        tie.gather("a", "b")
        tie.say(.verification(Verification(steps: 50, parameterHash: "x")), "a")
        tie.say(.verification(Verification(steps: 50, parameterHash: "y")), "b")
        tie.pass(.seconds(2))
        #expect(
            tie.failure
                == "the workers hold different parameters after step 50: worker 0 (alpha, pid 97): x; worker 1 (alpha, pid 98): y"
        )
    }

    @Test("shards move to faster workers when that is worth a pause, and the result does not depend on it")
    func rebalances() {
        var bench = CoordinatorBench(workers: 2, shards: 8)
        bench.gather("a", "b")
        for step in 0..<120 {
            bench.say(.heartbeat(Progress(step: step, phase: .computing, secondsPerShard: 0.1)), "a")
            bench.say(.heartbeat(Progress(step: step, phase: .computing, secondsPerShard: 0.3)), "b")
            bench.pass(.milliseconds(100))
        }
        #expect(
            bench.notices.last
                == "the slowest worker needs 3.0 times as long for a shard as the fastest; shards move from [4, 4] to [6, 2]"
        )
        bench.pause("a", "b", after: 3)
        #expect(bench.starts.last?.shardCounts == [6, 2])
    }

    @Test("one who stops in an evaluation says so, and the others need not come to its end either")
    func pausesInEvaluation() {
        var bench = CoordinatorBench(workers: 3)
        bench.gather("a", "b", "c")
        bench.handle(.interrupt)
        bench.say(.evaluation(.init(epoch: 0, chunkCount: 9, chunks: [])), "a")
        bench.say(.paused(Pause(steps: 8, isAgreed: false)), "a")
        for peer in ["b", "c"] as [PeerID] {
            #expect(
                bench.messages(to: peer).suffix(2) == [.pause, .halt(reason: "worker 0 (alpha, pid 97) stands still")])
        }
        bench.say(.paused(Pause(steps: 8, isAgreed: false)), "b")
        bench.say(.paused(Pause(steps: 8, isAgreed: false)), "c")
        #expect(bench.messages(to: "a").last == .conclude(savesCheckpoint: true))
        #expect(bench.messages(to: "c").last == .conclude(savesCheckpoint: false))
    }

    @Test("launched workers that die are started again so many times, those that were asked to end are not")
    func restarts() {
        var bench = CoordinatorBench(workers: 2, launched: ["a", "b"], restarts: 2)
        bench.gather("a", "b")
        bench.handle(.processExited("b", .signal(9)))
        #expect(bench.launches == ["b+1"])
        #expect(bench.notices.contains("'b' is started again (1 of 2 restarts)"))
        bench.pause("a", after: 3)
        bench.gather("b+1")
        bench.pause("a", after: 4)
        #expect(bench.starts.last?.members.map(\.id) == ["a", "b+1"])
        bench.say(.leaving, "a")
        bench.pause("a", "b+1", after: 5)
        bench.handle(.processExited("a", .status(130)))
        #expect(bench.launches == ["b+1"])
        // The last one: what nobody has any more comes from the checkpoint.
        bench.handle(.disconnected("b+1"))
        bench.handle(.processExited("b+1", .signal(11)))
        #expect(bench.launches == ["b+1", "b+2"] && bench.outcomes.isEmpty)
        bench.handle(.processExited("b+2", .status(1)))
        bench.pass(.seconds(2))
        #expect(
            bench.failure
                == "worker 0 (alpha, pid 98) was killed by signal 11 (SIGSEGV); then: only 0 of at least 1 workers are left, and nobody starts others"
        )
    }

    @Test("a coordinator that takes over waits for the workers of before and disturbs nobody who comes back")
    func takesOver() {
        var past = RunPast()
        past.generation = 3
        past.members = [.init(id: "a", hello: hello("a")), .init(id: "b", hello: hello("b"))]
        past.shardCounts = [1, 1]
        past.steps = 10
        past.savedStep = 5
        var bench = CoordinatorBench(workers: 2, shards: 2, past: past)
        // One that has not noticed anything has to say first what this coordinator does not know.
        bench.say(.finished(finalReport()), "a")
        #expect(bench.messages(to: "a") == [.reattach] && bench.outcomes.isEmpty)
        var attached = hello("a")
        attached.attachedGeneration = 3
        bench.say(.hello(attached), "a", run: "r1")
        #expect(bench.messages(to: "a") == [.reattach, .ping(.init(steps: 10))])
        bench.say(.steps([stepReport(10)]), "a")
        #expect(bench.committedSteps == [10])
        // The other one died together with the coordinator.
        bench.pass(.seconds(6), alive: ["a"])
        #expect(halts(bench, to: "a") == ["worker 1 (alpha, pid 98) sent no heartbeat for 5.0 s"])
        bench.pause("a", after: 11)
        #expect(bench.starts.last?.generation == 4 && bench.starts.last?.firstStep == 11)
        #expect(bench.outcomes.isEmpty)
    }
}
