import Cluster
import Messaging
import Tensors

/// A whole run on a fake network with a fake clock: the real state machines, random delays and random faults.
///
/// - Determinism: a function of the seed.
struct SimulatedRun {
    static let chunkCount = 12
    static let tick = Duration.milliseconds(50)

    /// Something that will happen.
    private enum Event {
        case toCoordinator(CoordinatorState.Event)
        case toWorker(Int, WorkerState.Event)
        case kill(Int)
        case freeze(Int)
        case born(Int)
    }

    private struct Training {
        var assignment: Assignment
        var step: Int
    }

    private(set) var outcome: RunOutcome?
    private(set) var conclusions = 0
    private(set) var rosters: [Int: [[PeerID]]] = [:]
    private(set) var evaluations: [EvaluationTotals] = []
    private(set) var workerOutcomes: [Int: WorkerOutcome] = [:]
    private(set) var interrupts = 0
    /// Process ids of workers that died, hung or failed by themselves; a worker's number and 1000.
    private(set) var culprits: Set<Int> = []
    /// The process id of the launched worker that was killed while all trained, if nothing else went wrong.
    var onlyKilledWhileTraining: Int? { culprits.count == 1 && interrupts == 0 ? killedWhileTraining : nil }

    private var killedWhileTraining: Int?
    private var random: RandomStream
    private let workers: Int
    private let hasFaults: Bool
    private let isLaunched: Bool
    private var now: ContinuousClock.Instant
    private var coordinator: CoordinatorState
    private var states: [Int: WorkerState] = [:]
    private var trainings: [Int: Training] = [:]
    private var frozen: Set<Int> = []
    private var isStopping = false
    private var queue: [(at: ContinuousClock.Instant, order: Int, event: Event)] = []
    private var order = 0
    /// When the last message on each link arrives: links keep the order.
    private var links: [String: ContinuousClock.Instant] = [:]

    init(workers: Int, seed: UInt64, faults: Bool) {
        self.workers = workers
        random = RandomStream(seed: seed)
        hasFaults = faults
        isLaunched = random.integer(below: 2) == 0
        now = .now
        let launched = Set((0..<workers).map { Self.peer($0) })
        coordinator = CoordinatorState(
            .init(
                run: "r1", yaml: "", workers: workers, joinTimeout: .seconds(20), launched: isLaunched ? launched : []),
            at: now)
        let extra = faults && !isLaunched ? random.integer(below: 3) : 0
        for worker in 0..<workers + extra { schedule(.born(worker), in: delay(upTo: 2000)) }
        guard faults else { return }
        for _ in 0..<random.integer(below: 3) {
            let worker = random.integer(below: workers)
            schedule(random.integer(below: 3) == 0 ? .freeze(worker) : .kill(worker), in: delay(upTo: 5000))
        }
        if random.integer(below: 3) == 0 {
            for _ in 0...random.integer(below: 2) { schedule(.toCoordinator(.interrupt), in: delay(upTo: 5000)) }
        }
    }

    /// Workers that are alive, not frozen, and have not ended.
    var survivors: [Int] { states.keys.filter { workerOutcomes[$0] == nil && !frozen.contains($0) }.sorted() }

    static func peer(_ worker: Int) -> PeerID { PeerID(stringLiteral: "w\(worker + 1000)") }

    /// Plays until everyone has ended, or 60 seconds of the fake clock have passed.
    mutating func play() {
        let end = now + .seconds(60)
        while now < end && (conclusions == 0 || !survivors.isEmpty) {
            now += Self.tick
            while let next = queue.indices.min(by: { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }
            ),
                queue[next].at <= now
            {
                happen(queue.remove(at: next).event)
            }
            tellCoordinator(.tick)
            for worker in states.keys.sorted() where !frozen.contains(worker) {
                let step = trainings[worker]?.step ?? 0
                tell(worker, .tick(Progress(step: step, phase: step > 0 ? .computing : .loading)))
            }
            train()
        }
    }

    // MARK: - Events

    private mutating func happen(_ event: Event) {
        switch event {
        case .toCoordinator(let event):
            if case .interrupt = event, outcome == nil { interrupts += 1 }
            tellCoordinator(event)
        case .toWorker(let worker, let event): if !frozen.contains(worker) { tell(worker, event) }
        case .born(let worker):
            let hello = Hello(
                build: "1", host: "alpha", pid: Int32(worker + 1000), threads: 1, kernels: "k", blasCore: "b",
                dataAddress: "")
            states[worker] = WorkerState(.init(hello: hello, coordinator: "hub", joinTimeout: .seconds(30)), at: now)
        case .kill(let worker):
            guard states[worker] != nil, workerOutcomes[worker] == nil else { return }
            culprits.insert(worker + 1000)
            if isLaunched && trainings[worker] != nil { killedWhileTraining = worker + 1000 }
            leave(worker, .signal(9))
        case .freeze(let worker):
            guard states[worker] != nil, workerOutcomes[worker] == nil else { return }
            culprits.insert(worker + 1000)
            frozen.insert(worker)
        }
    }

    private mutating func tellCoordinator(_ event: CoordinatorState.Event) {
        for action in coordinator.handle(event, at: now) {
            switch action {
            case .send(let envelope, let peer):
                let worker = (Int(peer.name.dropFirst()) ?? 0) - 1000
                if case .start(let assignment) = envelope.message {
                    rosters[assignment.generation, default: []].append(assignment.members.map(\.id))
                }
                if states[worker] == nil {
                    schedule(.toCoordinator(.unreachable(peer, reason: "no route")), in: .milliseconds(1))
                } else {
                    deliver(.toWorker(worker, .received(envelope)), over: "to \(worker)")
                }
            case .report(.evaluated(let totals)): evaluations.append(totals)
            case .report: break
            case .conclude(let outcome):
                self.outcome = outcome
                conclusions += 1
                // The coordinator leaves; its launcher ends what it started.
                for worker in states.keys.sorted() {
                    deliver(.toWorker(worker, .coordinatorLost(reason: "closed")), over: "to \(worker)")
                }
            }
        }
    }

    private mutating func tell(_ worker: Int, _ event: WorkerState.Event) {
        guard workerOutcomes[worker] == nil, let actions = states[worker]?.handle(event, at: now) else { return }
        for action in actions {
            switch action {
            case .send(let envelope, let payload):
                let event = CoordinatorState.Event.received(from: Self.peer(worker), envelope, payload: payload)
                deliver(.toCoordinator(event), over: "from \(worker)")
                if hasFaults && random.integer(below: 30) == 0 {
                    deliver(.toCoordinator(event), over: "from \(worker)")
                }
            case .configure:
                if hasFaults && random.integer(below: 40) == 0 {
                    culprits.insert(worker + 1000)
                    schedule(.toWorker(worker, .failed(WorkerFailure("no data"))), in: delay(upTo: 1000))
                } else {
                    schedule(.toWorker(worker, .configured(sameIdentity)), in: delay(upTo: 1000))
                }
            case .start(let assignment): trainings[worker] = Training(assignment: assignment, step: 0)
            case .requestStop: isStopping = true
            case .cancel:
                trainings[worker] = nil
                schedule(
                    .toWorker(worker, .failed(WorkerFailure("cancelled", origin: .consequence))), in: delay(upTo: 100))
            case .conclude(let outcome):
                workerOutcomes[worker] = outcome
                leave(worker, { if case .completed = outcome { .status(0) } else { .status(1) } }())
            }
        }
    }

    /// All members step together, as the all-reduce makes them; who waits for one that is gone complains.
    private mutating func train() {
        guard let roster = trainings.values.first?.assignment.members else { return }
        let numbers = roster.map { Int($0.pid) - 1000 }
        if let lost = numbers.first(where: { states[$0] == nil }) {
            for worker in numbers where trainings[worker] != nil && !frozen.contains(worker) {
                trainings[worker] = nil
                tell(worker, .failed(WorkerFailure("lost worker \(lost)", origin: .consequence)))
            }
            return
        }
        guard numbers.allSatisfy({ trainings[$0] != nil && !frozen.contains($0) }) else { return }
        let last = 30
        for (rank, worker) in numbers.enumerated() {
            trainings[worker]?.step += 1
            let step = trainings[worker]?.step ?? 0
            if rank == 0 { tell(worker, .reported(.step(stepReport(step)))) }
            guard step == last || isStopping else { continue }
            if step == last {
                let mine = (0..<Self.chunkCount).filter { $0 % numbers.count == rank }
                let chunks = mine.map {
                    EvaluationReport.Chunk(index: $0, count: 3, correct: 1, lossSum: 0.5, lossWeight: 3)
                }
                tell(worker, .reported(.evaluation(.init(epoch: 0, chunkCount: Self.chunkCount, chunks: chunks))))
            }
            trainings[worker] = nil
            tell(worker, .finished(finalReport("h", isComplete: step == last)))
        }
    }

    private mutating func leave(_ worker: Int, _ exit: ProcessExit) {
        states[worker] = nil
        trainings[worker] = nil
        frozen.remove(worker)
        // The connection breaks behind the last message; the launcher's word goes its own way.
        deliver(.toCoordinator(.disconnected(Self.peer(worker))), over: "from \(worker)")
        if isLaunched { schedule(.toCoordinator(.processExited(Self.peer(worker), exit)), in: delay(upTo: 200)) }
    }

    // MARK: - Time

    private mutating func delay(upTo milliseconds: Int) -> Duration {
        .milliseconds(random.integer(below: milliseconds))
    }

    private mutating func deliver(_ event: Event, over link: String) {
        let arrival = max(now + delay(upTo: hasFaults ? 300 : 100), links[link] ?? now)
        links[link] = arrival
        order += 1
        queue.append((arrival, order, event))
    }

    private mutating func schedule(_ event: Event, in delay: Duration) {
        order += 1
        queue.append((now + delay, order, event))
    }
}
