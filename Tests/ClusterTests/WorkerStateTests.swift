import Cluster
import Logging
import Messaging
import Testing

@Suite("WorkerState")
struct WorkerStateTests {
    /// A worker's state machine with a clock of its own and a record of what it asked for.
    struct Bench {
        var state: WorkerState
        var now = ContinuousClock.now
        var sent: [Envelope<WorkerMessage>] = []
        var others: [String] = []
        var outcomes: [WorkerOutcome] = []

        init() {
            let settings = WorkerState.Settings(
                hello: hello("a"), coordinator: "tcp://hub:5000", joinTimeout: .seconds(10), cancelTimeout: .seconds(5))
            state = WorkerState(settings, at: now)
        }

        mutating func handle(_ event: WorkerState.Event) {
            for action in state.handle(event, at: now) {
                switch action {
                case .send(let envelope, _): sent.append(envelope)
                case .configure(let run, let offer): others.append("configure \(run) \(offer.yaml)")
                case .start(let assignment): others.append("start \(assignment.generation)")
                case .requestPause(let generation): others.append("pause \(generation)")
                case .cancel(let generation, let reason):
                    others.append("cancel\(generation == .max ? "" : " \(generation)"): \(reason)")
                case .confirm(let epoch): others.append("evaluated \(epoch)")
                case .requestCheckpoint: others.append("save")
                case .sendCheckpoint: others.append("save now")
                case .finish(let savesCheckpoint): others.append("finish \(savesCheckpoint)")
                case .conclude(let outcome): outcomes.append(outcome)
                }
            }
        }

        mutating func hear(_ message: CoordinatorMessage, run: String = "r1", generation: Int = 0) {
            handle(.received(Envelope(run: run, generation: generation, message)))
        }

        mutating func pass(_ duration: Duration, hearing: Bool = false) {
            let end = now + duration
            while now < end {
                now += .milliseconds(50)
                if hearing { hear(.ping(.init(steps: 0)), generation: 1) }
                handle(.tick(Progress(step: 3, phase: .computing)))
            }
        }

        mutating func configure() {
            handle(.tick(Progress(step: 0, phase: .joining)))
            hear(.configuration(RunOffer(yaml: "y", heartbeatTimeoutSeconds: 3, reattachTimeoutSeconds: 20)))
        }

        mutating func train() {
            configure()
            handle(.configured(Readiness(sameIdentity)))
            start(generation: 1)
        }

        mutating func start(generation: Int, rank: Int = 0, firstStep: Int = 0) {
            let members = (0...rank).map {
                Assignment.Member(
                    rank: $0, id: "a", host: "alpha", pid: 97, dataAddress: "", stateAddress: "", steps: firstStep)
            }
            let assignment = Assignment(
                generation: generation, rank: rank, members: members, shardCounts: members.map { _ in 1 },
                firstStep: firstStep)
            hear(.start(assignment), generation: generation)
        }

        var messages: [WorkerMessage] { sent.map(\.message) }

        var failures: [WorkerFailure] {
            sent.compactMap { if case .failed(let failure) = $0.message { failure } else { nil } }
        }
    }

    @Test("from hello to goodbye, with messages in the run and generation of their time")
    func wholeRun() {
        var bench = Bench()
        bench.train()
        bench.handle(.reported(.step(stepReport(0))))
        bench.handle(.finished(finalReport()))
        bench.hear(.goodbye, generation: 1)
        #expect(bench.others == ["configure r1 y", "start 1"])
        #expect(
            bench.sent == [
                Envelope(run: "", generation: 0, .hello(hello("a"))),
                Envelope(run: "r1", generation: 0, .ready(Readiness(sameIdentity))),
                Envelope(run: "r1", generation: 1, .steps([stepReport(0)])),
                Envelope(run: "r1", generation: 1, .finished(finalReport())),
            ])
        #expect(bench.outcomes == [.completed(finalReport())])
    }

    @Test("it says hello every second, goes on when nobody listens, and gives up after the join timeout")
    func joinTimeout() {
        var bench = Bench()
        bench.pass(.seconds(9.9))
        bench.handle(.coordinatorLost(reason: "refused"))
        #expect(bench.outcomes.isEmpty)
        #expect((9...10).contains(bench.sent.count))
        bench.pass(.seconds(1))
        #expect(
            bench.outcomes == [
                .failed(
                    "the coordinator at tcp://hub:5000 did not answer within 10.0 s; check that it runs and that the "
                        + "address is right")
            ])
    }

    @Test("heartbeats go out every 500 ms with the latest progress")
    func heartbeats() {
        var bench = Bench()
        bench.train()
        let before = bench.sent.count
        bench.pass(.seconds(2), hearing: true)
        let beats = bench.sent[before...].filter { $0.message == .heartbeat(Progress(step: 3, phase: .computing)) }
        #expect(beats.count == 4)
        #expect(bench.outcomes.isEmpty)
    }

    @Test("the training goes on without the coordinator; the worker calls every second and ends when nobody answers")
    func silentCoordinator() {
        var bench = Bench()
        bench.train()
        let before = bench.sent.count
        bench.pass(.seconds(3.2))
        bench.handle(.reported(.step(stepReport(0))))
        bench.pass(.seconds(18))
        var attached = hello("a")
        attached.attachedGeneration = 1
        let calls = bench.messages[before...].filter { $0 == .hello(attached) }
        #expect((18...19).contains(calls.count))
        #expect(!bench.messages.contains(.steps([stepReport(0)])))
        #expect(bench.others == ["configure r1 y", "start 1"])
        bench.pass(.seconds(3))
        let reason =
            "the coordinator at tcp://hub:5000 is lost: it has said nothing for 3.0 s, and it did not come back within "
            + "20.0 s; take the run over with convoy coordinator --resume and its directory, or a copy of that, and start this worker again"
        #expect(bench.others.last == "cancel: \(reason)")
        bench.handle(.paused(Pause(steps: 1)))
        #expect(bench.outcomes == [.failed(reason)])
    }

    @Test("a coordinator that answers again hears what it may have missed, and nothing that it has written down")
    func reattaches() {
        var bench = Bench()
        bench.train()
        for step in 0..<4 { bench.handle(.reported(.step(stepReport(step)))) }
        bench.hear(.ping(.init(steps: 2)), generation: 1)
        bench.handle(.coordinatorLost(reason: "closed"))
        bench.handle(.reported(.step(stepReport(4))))
        let share = EvaluationReport(epoch: 0, chunkCount: 1, chunks: [])
        bench.handle(.reported(.evaluation(share)))
        bench.handle(.paused(Pause(steps: 5)))
        let before = bench.sent.count
        bench.handle(.connected)
        bench.hear(.ping(.init(steps: 2)), generation: 1)
        #expect(
            bench.messages[(before + 1)...] == [
                .steps((2...4).map { stepReport($0) }), .evaluation(share), .paused(Pause(steps: 5)),
            ])
        // That it is known does not say that it is written down.
        bench.hear(.evaluated(epoch: 0), generation: 1)
        bench.hear(.halt(reason: "again"), generation: 1)
        #expect(bench.messages.suffix(2) == [.evaluation(share), .paused(Pause(steps: 5))])
        bench.hear(.ping(.init(steps: 5, epochs: 1)), generation: 1)
        bench.hear(.halt(reason: "again"), generation: 1)
        #expect(bench.messages.suffix(2) == [.paused(Pause(steps: 5)), .paused(Pause(steps: 5))])
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a worker that took late words of a dead coordinator for a sign of life says all again to the next one")
    func reattachesWhenTold() {
        var bench = Bench()
        bench.train()
        bench.handle(.coordinatorLost(reason: "closed"))
        bench.hear(.ping(.init(steps: 0)), generation: 1)
        bench.handle(.reported(.step(stepReport(0))))
        let before = bench.sent.count
        bench.hear(.reattach, generation: 1)
        bench.pass(.milliseconds(100))
        var attached = hello("a")
        attached.attachedGeneration = 1
        bench.hear(.ping(.init(steps: 0)), generation: 1)
        #expect(bench.messages[before...] == [.hello(attached), .steps([stepReport(0)])])
    }

    @Test("a worker that is not a member any more ends its training, joins anew and says how far its replica is")
    func rejoins() {
        var bench = Bench()
        bench.train()
        bench.hear(.rejoin(reason: "it was silent"), generation: 2)
        #expect(bench.others.last == "cancel 1: it was silent")
        bench.handle(.paused(Pause(steps: 3)))
        bench.handle(.tick(Progress(step: 3, phase: .waiting)))
        #expect(bench.messages.last == .hello(hello("a")))
        let offer = RunOffer(yaml: "y", heartbeatTimeoutSeconds: 3, reattachTimeoutSeconds: 20)
        bench.hear(.configuration(offer), generation: 2)
        bench.handle(.configured(Readiness(sameIdentity, steps: 3)))
        #expect(bench.messages.last == .ready(Readiness(sameIdentity, steps: 3)))
        bench.start(generation: 3, firstStep: 3)
        #expect(bench.others.last == "start 3")
        #expect(bench.outcomes.isEmpty)
    }

    @Test("orders between steps are passed on, and the end of a stopped run is told")
    func orders() {
        var bench = Bench()
        bench.train()
        bench.hear(.pause, generation: 1)
        bench.hear(.save, generation: 1)
        bench.hear(.evaluated(epoch: 0), generation: 1)
        bench.handle(.paused(Pause(steps: 4)))
        bench.hear(.save, generation: 1)
        let part = CheckpointPart(file: "m", step: 4, offset: 0, totalBytes: 1, isFirst: true, isLast: true)
        bench.handle(.reported(.checkpointPart(part, Frame([1]))))
        #expect(bench.messages.last == .checkpointPart(part))
        bench.hear(.conclude(savesCheckpoint: true), generation: 1)
        #expect(bench.others.suffix(5) == ["pause 1", "save", "evaluated 0", "save now", "finish true"])
        let stopped = finalReport(isComplete: false)
        bench.handle(.finished(stopped))
        bench.hear(.goodbye, generation: 1)
        #expect(bench.outcomes == [.stopped(stopped)])
    }

    @Test("a training that does not heed the cancel is left behind after five seconds")
    func stuckTraining() {
        var bench = Bench()
        bench.train()
        bench.hear(.abort(reason: "worker 1 was killed"), generation: 1)
        #expect(bench.failures == [WorkerFailure("the run was aborted", origin: .consequence)])
        bench.pass(.seconds(4.9))
        #expect(bench.outcomes.isEmpty)
        bench.pass(.seconds(0.2))
        #expect(bench.outcomes == [.aborted("worker 1 was killed")])
        #expect(bench.others == ["configure r1 y", "start 1", "cancel: worker 1 was killed"])
    }

    @Test("a refusal, a failure of its own and a lost coordinator end it before the start")
    func endsBeforeStart() {
        var refused = Bench()
        refused.handle(.tick(Progress(step: 0, phase: .joining)))
        refused.hear(.refused(reason: "full"), run: "other")
        #expect(refused.outcomes == [.refused("full")])
        var failing = Bench()
        failing.configure()
        failing.handle(.failed(WorkerFailure("no data")))
        #expect(failing.outcomes == [.failed("no data")])
        #expect(failing.failures == [WorkerFailure("no data")])
        var lost = Bench()
        lost.configure()
        lost.handle(.coordinatorLost(reason: "closed"))
        lost.pass(.seconds(20.1))
        #expect(
            lost.outcomes == [
                .failed(
                    "the coordinator at tcp://hub:5000 is lost: closed, and it did not come back within 20.0 s"
                        + "; take the run over with convoy coordinator --resume and its directory, or a copy of that, and start this worker again"
                )
            ])
    }

    @Test("orders of another run or an older generation are ignored")
    func staleOrders() {
        var bench = Bench()
        bench.train()
        bench.hear(.abort(reason: "old"), run: "r0", generation: 1)
        bench.hear(.abort(reason: "old"), generation: 0)
        bench.hear(.goodbye, run: "r0", generation: 5)
        bench.start(generation: 1)
        bench.hear(
            .configuration(RunOffer(yaml: "z", heartbeatTimeoutSeconds: 1, reattachTimeoutSeconds: 9)), generation: 1)
        #expect(bench.others == ["configure r1 y", "start 1"])
        #expect(bench.outcomes.isEmpty)
    }

    @Test("one interrupt asks to leave at a step boundary, two end it at once and say so")
    func interrupts() {
        var bench = Bench()
        bench.train()
        bench.handle(.interrupt)
        #expect(bench.messages.last == .leaving)
        var gentle = bench
        gentle.handle(.paused(Pause(steps: 4)))
        gentle.hear(.goodbye, generation: 1)
        #expect(gentle.outcomes == [.left(steps: 4)])
        bench.handle(.interrupt)
        #expect(bench.others.last == "cancel: the worker was interrupted")
        #expect(bench.failures == [WorkerFailure("the worker was interrupted", origin: .interrupt)])
        #expect(bench.outcomes == [.interrupted])
        var early = Bench()
        early.handle(.interrupt)
        #expect(early.outcomes == [.interrupted])
        #expect(early.sent.isEmpty)
    }

    @Test("a worker that was itself held up does not blame the coordinator")
    func stall() {
        var bench = Bench()
        bench.train()
        bench.pass(.seconds(1), hearing: true)
        bench.now += .seconds(100)
        bench.pass(.seconds(2))
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a coordinator that speaks another version ends it with the reason")
    func otherVersion() {
        var bench = Bench()
        bench.handle(.undecodable(.unsupportedVersion(9)))
        #expect(
            bench.outcomes == [
                .failed(
                    "the sender speaks version 9 of the control protocol and this program version 4; start the same build "
                        + "everywhere")
            ])
    }
}
