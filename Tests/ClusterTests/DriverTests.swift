import Cluster
import Foundation
import Logging
import Messaging
import Testing
import Threading

@Suite("Coordinator and WorkerControl")
struct DriverTests {
    /// Trains by waiting for its turn: steps until it is paused or cancelled, or its steps are done.
    final class Trainee: WorkerDelegate {
        private enum Word { case pause }
        private let words = BlockingQueue<Word>()
        private let steps: [Int]
        private let identity: Identity
        let reached = BlockingQueue<Int>()

        /// - Parameter steps: The steps of each generation; the last number counts for all further ones.
        init(steps: Int..., identity: Identity = sameIdentity) {
            self.steps = steps.isEmpty ? [5] : steps
            self.identity = identity
        }

        func configure(run: String, offer: RunOffer) throws -> Readiness {
            guard offer.yaml == "good" else { throw WorkerFailure("no such data") }
            return Readiness(identity)
        }

        func train(_ assignment: Assignment, control: WorkerControl) throws -> TrainingEnd {
            let steps = steps[min(assignment.generation, steps.count) - 1]
            for step in 0..<steps {
                control.progress(step: step, phase: .computing)
                control.report(.step(stepReport(step)))
                reached.push(step)
                // All pause at the same step, as those do who tell each other.
                if case .element = words.pop(until: .now + .milliseconds(1)) { return .paused(Pause(steps: 0)) }
            }
            if assignment.rank == 0 {
                let part = CheckpointPart(
                    file: "state.json", step: steps, offset: 0, totalBytes: 3, isFirst: true, isLast: true)
                control.report(.checkpointPart(part, Frame([7, 8, 9])))
            }
            return .finished(finalReport(steps: steps))
        }

        func save(control: WorkerControl) {}

        func conclude(savesCheckpoint: Bool, control: WorkerControl) throws -> FinalReport {
            finalReport(steps: 0, isComplete: false)
        }

        func requestPause(of generation: Int) { words.push(.pause) }
        func cancel(_ generation: Int, reason: String) { words.push(.pause) }
        func confirm(evaluationOf epoch: Int) {}
        func requestCheckpoint() {}
    }

    final class Watcher: CoordinatorObserver {
        var steps: [Int] = []
        var files: [[UInt8]] = []
        var refusals: [String] = []
        var notices: [String] = []
        private let coordinator: Coordinator

        init(_ coordinator: Coordinator) { self.coordinator = coordinator }

        func observe(_ report: CoordinatorReport) {
            switch report {
            case .stepped(let reports): steps += reports.map(\.step)
            case .checkpointPart(let part, let frame):
                files.append(frame.bytes)
                coordinator.saved(step: part.step)
            case .refused(_, _, let reason): refusals.append(reason)
            case .notice(_, let text): notices.append(text)
            default: break
            }
        }

        func record() -> Bool { true }
    }

    /// What carries the messages of a run.
    enum Wire: CaseIterable { case memory, tcp, ipc }

    /// A coordinator and its workers, connected by a wire.
    final class Bench: Sendable {
        let wire: Wire
        let network = InMemoryNetwork()
        let coordinator: Coordinator
        let transport: any Transport
        let address: String
        let outcomes = BlockingQueue<(PeerID, WorkerOutcome)>()

        init(_ wire: Wire, workers: Int, yaml: String = "good", launched: Set<PeerID> = []) throws {
            self.wire = wire
            transport =
                switch wire {
                case .memory: try network.endpoint("hub", at: "mem:hub")
                case .tcp: try ZeroMQTransport(id: "hub", listeningAt: "tcp://127.0.0.1:0")
                case .ipc: try ZeroMQTransport(id: "hub", listeningAt: "ipc://@cluster-tests-\(UUID().uuidString)")
                }
            address = transport.address ?? ""
            coordinator = Coordinator(
                transport: transport,
                settings: .init(
                    run: "r1", yaml: yaml, workers: workers, joinTimeout: .seconds(20), reattachTimeout: .seconds(1),
                    launched: launched))
        }

        deinit { transport.close() }

        /// An endpoint that dials the coordinator.
        func dial(_ id: PeerID) throws -> any Transport {
            let transport: any Transport =
                if wire == .memory { try network.endpoint(id) } else { try ZeroMQTransport(id: id) }
            try transport.connect(to: "hub", at: address)
            return transport
        }

        /// Starts a worker on a thread of its own and hands out its transport.
        @discardableResult
        func join(_ id: PeerID, _ delegate: Trainee) throws -> any Transport {
            let transport = try dial(id)
            let control = WorkerControl(
                transport: transport, coordinator: "hub", settings: .init(hello: hello(id), coordinator: "the hub"))
            _ = DedicatedThread(name: "worker") { [outcomes] in
                let outcome = control.run(delegate)
                transport.close()
                outcomes.push((id, outcome))
            }
            return transport
        }

        func outcomes(_ count: Int) -> [PeerID: WorkerOutcome] {
            var found: [PeerID: WorkerOutcome] = [:]
            for _ in 0..<count {
                if case .element(let (id, outcome)) = outcomes.pop(until: .now + .seconds(10)) { found[id] = outcome }
            }
            return found
        }
    }

    @Test("a run of two workers completes, with every report at the coordinator", arguments: Wire.allCases)
    func completes(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 2)
        try bench.join("a", Trainee())
        try bench.join("b", Trainee())
        let watcher = Watcher(bench.coordinator)
        #expect(bench.coordinator.run(watcher) == .completed(finalReport(steps: 5)))
        #expect(watcher.steps == [0, 1, 2, 3, 4])
        #expect(watcher.files == [[7, 8, 9]])
        #expect(bench.outcomes(2) == ["a": .completed(finalReport(steps: 5)), "b": .completed(finalReport(steps: 5))])
    }

    @Test("when a worker is killed the other one goes on in well under a second", arguments: Wire.allCases)
    func killed(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 2)
        let trainee = Trainee(steps: .max, 5)
        try bench.join("a", trainee)
        let other = try bench.join("b", Trainee(steps: .max))
        let began = BlockingQueue<ContinuousClock.Instant>()
        let killer = DedicatedThread(name: "killer") {
            _ = trainee.reached.pop(until: .now + .seconds(10))
            began.push(.now)
            other.close()
        }
        #expect(bench.coordinator.run(Watcher(bench.coordinator)) == .completed(finalReport(steps: 5)))
        killer.join()
        guard case .element(let start) = began.pop() else { return #expect(Bool(false)) }
        // With room for a busy machine.
        #expect(start.duration(to: .now) < .seconds(2))
        #expect(bench.outcomes(2)["a"] == .completed(finalReport(steps: 5)))
    }

    @Test("one interrupt ends the run at a step boundary", arguments: Wire.allCases)
    func interrupted(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 2)
        let trainee = Trainee(steps: .max)
        try bench.join("a", trainee)
        try bench.join("b", Trainee(steps: .max))
        let interrupter = DedicatedThread(name: "interrupt") {
            _ = trainee.reached.pop(until: .now + .seconds(10))
            bench.coordinator.interrupt()
        }
        let watcher = Watcher(bench.coordinator)
        #expect(bench.coordinator.run(watcher) == .interrupted(finalReport(steps: 0, isComplete: false)))
        interrupter.join()
        let stopped = WorkerOutcome.stopped(finalReport(steps: 0, isComplete: false))
        #expect(bench.outcomes(2) == ["a": stopped, "b": stopped], "\(watcher.notices)")
    }

    @Test("a launched worker's own failure is the verdict", arguments: Wire.allCases)
    func ownFailure(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 1, yaml: "bad", launched: ["a"])
        try bench.join("a", Trainee())
        guard case .failed(let failure) = bench.coordinator.run(Watcher(bench.coordinator)) else {
            Issue.record("did not fail")
            return
        }
        #expect(failure.description == "worker 'a' (alpha, pid 97) failed: no such data")
        #expect(bench.outcomes(1) == ["a": .failed("no such data")])
    }

    @Test(
        "a worker of another identity is refused, the run waits for the next one, and garbage is answered",
        arguments: Wire.allCases)
    func refusal(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 1)
        let stranger = try bench.dial("x")
        defer { stranger.close() }
        try stranger.send([Frame([1, 2, 3])], to: "hub")
        try bench.join("a", Trainee())
        let watcher = Watcher(bench.coordinator)
        #expect(bench.coordinator.run(watcher) == .completed(finalReport(steps: 5)))
        #expect(
            watcher.refusals == [
                "a control message cannot be read (it is no JSON); start the same build everywhere"
            ])
        #expect(bench.outcomes(1) == ["a": .completed(finalReport(steps: 5))])
    }

    @Test(
        "a coordinator that dies and does not come back ends its workers with a reason that names it",
        arguments: Wire.allCases)
    func coordinatorDies(_ wire: Wire) throws {
        let bench = try Bench(wire, workers: 1)
        let trainee = Trainee(steps: .max)
        try bench.join("a", trainee)
        let killer = DedicatedThread(name: "killer") {
            _ = trainee.reached.pop(until: .now + .seconds(10))
            bench.transport.close()
        }
        guard case .failed = bench.coordinator.run(Watcher(bench.coordinator)) else {
            Issue.record("did not fail")
            return
        }
        killer.join()
        let reason =
            "the coordinator at the hub is lost: its connection is closed, and it did not come back within 1.0 s"
            + "; take the run over with convoy coordinator --resume and its directory, or a copy of that, and start this worker again"
        #expect(bench.outcomes(1) == ["a": .failed(reason)])
    }
}
