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
                case .configure(let run, let yaml): others.append("configure \(run) \(yaml)")
                case .start(let assignment): others.append("start \(assignment.generation)")
                case .requestStop: others.append("stop")
                case .cancel(let reason): others.append("cancel: \(reason)")
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
                if hearing { hear(.ping, generation: 1) }
                handle(.tick(Progress(step: 3, phase: .computing)))
            }
        }

        mutating func configure() {
            handle(.tick(Progress(step: 0, phase: .joining)))
            hear(.configuration(RunOffer(yaml: "y", heartbeatTimeoutSeconds: 3)))
        }

        mutating func train() {
            configure()
            handle(.configured(sameIdentity))
            let member = Assignment.Member(rank: 0, id: "a", host: "alpha", pid: 97, dataAddress: "")
            hear(.start(Assignment(generation: 1, rank: 0, members: [member], firstStep: 0)), generation: 1)
        }

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
                Envelope(run: "r1", generation: 0, .ready(sameIdentity)),
                Envelope(run: "r1", generation: 1, .step(stepReport(0))),
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

    @Test("heartbeats go out every 250 ms with the latest progress")
    func heartbeats() {
        var bench = Bench()
        bench.train()
        let before = bench.sent.count
        bench.pass(.seconds(2), hearing: true)
        let beats = bench.sent[before...].filter { $0.message == .heartbeat(Progress(step: 3, phase: .computing)) }
        #expect(beats.count == 8)
        #expect(bench.outcomes.isEmpty)
    }

    @Test("a silent coordinator cancels the training, and the worker ends when it has returned")
    func silentCoordinator() {
        var bench = Bench()
        bench.train()
        bench.pass(.seconds(3.2))
        let reason = "the coordinator at tcp://hub:5000 is lost: it has said nothing for 3.0 s"
        #expect(bench.others.last == "cancel: \(reason)")
        #expect(bench.outcomes.isEmpty)
        bench.handle(.failed(WorkerFailure("cancelled", origin: .consequence)))
        #expect(bench.outcomes == [.failed(reason)])
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
        #expect(lost.outcomes == [.failed("the coordinator at tcp://hub:5000 is lost: closed")])
    }

    @Test("orders of another run or an older generation are ignored")
    func staleOrders() {
        var bench = Bench()
        bench.train()
        bench.hear(.abort(reason: "old"), run: "r0", generation: 1)
        bench.hear(.abort(reason: "old"), generation: 0)
        bench.hear(.goodbye, run: "r0", generation: 5)
        bench.hear(.start(Assignment(generation: 1, rank: 0, members: [], firstStep: 0)), generation: 1)
        bench.hear(.configuration(RunOffer(yaml: "z", heartbeatTimeoutSeconds: 1)), generation: 1)
        #expect(bench.others == ["configure r1 y", "start 1"])
        #expect(bench.outcomes.isEmpty)
    }

    @Test("one interrupt asks for a stop, two end it at once and say so")
    func interrupts() {
        var bench = Bench()
        bench.train()
        bench.handle(.interrupt)
        #expect(bench.others.last == "stop")
        var gentle = bench
        gentle.handle(.finished(finalReport(isComplete: false)))
        gentle.hear(.goodbye, generation: 1)
        #expect(gentle.outcomes == [.stopped(finalReport(isComplete: false))])
        bench.handle(.interrupt)
        #expect(bench.others.last == "cancel: the worker was interrupted")
        #expect(bench.failures == [WorkerFailure("the worker was interrupted", origin: .interrupt)])
        #expect(bench.outcomes == [.interrupted])
        var early = Bench()
        early.handle(.interrupt)
        #expect(early.outcomes == [.interrupted])
        #expect(early.sent.isEmpty)
    }

    @Test("reports outside of the training are dropped, log lines are not")
    func reportsOutsideTraining() {
        var bench = Bench()
        bench.handle(.reported(.log(LogLine(.info, "nobody to hear it"))))
        bench.configure()
        let before = bench.sent.count
        bench.handle(.reported(.step(stepReport(1))))
        bench.handle(.reported(.log(LogLine(.info, "loading"))))
        bench.handle(.configured(sameIdentity))
        bench.handle(.configured(sameIdentity))
        bench.handle(.finished(finalReport()))
        #expect(bench.sent[before...].map(\.message) == [.log(LogLine(.info, "loading")), .ready(sameIdentity)])
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
        bench.handle(.undecodable(.unsupportedVersion(2)))
        #expect(
            bench.outcomes == [
                .failed(
                    "the sender speaks version 2 of the control protocol and this program version 1; start the same build "
                        + "everywhere")
            ])
    }
}
