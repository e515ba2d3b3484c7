import Cluster
import Messaging
import Tensors

/// A whole run on a fake network with a fake clock: the real state machines, random delays and random faults.
///
/// Workers keep a hash in place of parameters, and really need every shard of every member to apply a step. Processes
/// die, hang, lose their connections and come back; the coordinator too, with what it had written to its journal.
///
/// - Determinism: a function of the seed.
struct SimulatedRun {
    /// What is trained.
    struct Plan {
        var workers: Int
        var minWorkers = 1
        var shards = 8
        var steps = 24
        var stepsPerEpoch = 8
        var checkpointEvery = 5
        var verifyEvery = 4
        var chunks = 10

        /// Whether the workers say the hashes of their parameters after so many steps.
        func comparesParameters(after count: Int) -> Bool {
            count % verifyEvery == 0 || count % checkpointEvery == 0 || count == steps
        }
    }

    /// Something that will happen.
    enum Event {
        case toCoordinator(CoordinatorState.Event, connection: Int)
        case toWorker(Int, WorkerState.Event, connection: Int)
        /// A second copy of a message, which counts only if it comes when another generation has begun.
        case lateToCoordinator(Envelope<WorkerMessage>, Frame?, from: Int)
        case lateToWorker(Int, Envelope<CoordinatorMessage>)
        case work(Int, Task, attempt: Int)
        case sumArrives(Int, generation: Int, step: Int, pauses: Bool)
        case stateArrives(Int, generation: Int, steps: Int, hash: UInt64)
        case saved(step: Int, hash: UInt64)
        case fault(Fault)
        case born
        case coordinatorReturns
        case thaw(Int)
        case heal(Int)
    }

    static let chunkSamples = 3
    static let tick = Duration.milliseconds(50)
    static let limit = Duration.seconds(400)

    let plan: Plan
    var history: History
    var random: RandomStream
    var now: ContinuousClock.Instant
    var coordinator: CoordinatorState?
    var outcome: RunOutcome?
    var journal = SimulatedJournal()
    var checkpoint: (step: Int, hash: UInt64) = (0, History.hash(after: 0))
    var workers: [Int: SimulatedWorker] = [:]
    var rounds: [Int: SimulatedRound] = [:]
    /// The state in the checkpoint of each step that was sent last.
    var sent: [Int: UInt64] = [:]
    var nextWorker = 0
    /// The coordinator dies after it has let its workers go, and before anybody knows the outcome.
    var diesAtEnd = false
    private var mustRecord = false
    private let start: ContinuousClock.Instant
    private var queue: [(at: ContinuousClock.Instant, event: Event)] = []
    /// When the last message on each link arrives: links keep the order.
    private var links: [String: ContinuousClock.Instant] = [:]

    /// - Parameters:
    ///   - faults: How many faults happen.
    ///   - kinds: Of which kinds they are.
    init(_ plan: Plan, seed: UInt64, faults: Int, of kinds: [Fault] = Fault.crashes) {
        self.plan = plan
        history = History(plan)
        random = RandomStream(seed: seed)
        now = .now
        start = now
        coordinator = CoordinatorState(settings, at: now)
        for _ in 0..<plan.workers { schedule(.born, in: delay(upTo: 1000)) }
        for _ in 0..<faults {
            schedule(.fault(kinds[random.integer(below: kinds.count)]), in: delay(upTo: 12_000))
        }
    }

    var settings: CoordinatorState.Settings {
        CoordinatorState.Settings(
            run: "r1", yaml: "", workers: plan.workers, minWorkers: plan.minWorkers, shards: plan.shards,
            joinTimeout: .seconds(60), heartbeatTimeout: .seconds(2), past: journal.past(savedStep: checkpoint.step))
    }

    static func peer(_ worker: Int) -> PeerID { PeerID(stringLiteral: "w\(worker)") }
    static func number(_ peer: PeerID) -> Int { Int(peer.name.dropFirst()) ?? -1 }

    /// Plays until the run has ended, or the time of the fake clock is up.
    mutating func play() {
        let end = now + Self.limit
        while now < end && outcome == nil {
            now += Self.tick
            while let next = queue.last, next.at <= now { happen(queue.removeLast().event) }
            tellCoordinator(.tick)
            for worker in workers.keys.sorted() where workers[worker]?.isFrozen == false {
                let step = workers[worker]?.steps ?? 0
                let isWaiting = workers[worker]?.isWaiting ?? false
                tell(worker, .tick(Progress(step: step, phase: isWaiting ? .communicating : .computing)))
            }
        }
        history.ended(outcome)
    }

    // MARK: - Events

    private mutating func happen(_ event: Event) {
        switch event {
        case .toCoordinator(let event, let connection):
            if case .received(let peer, _, _) = event, connection != workers[Self.number(peer)]?.connection { return }
            tellCoordinator(event)
        case .toWorker(let worker, let event, let connection):
            guard let target = workers[worker] else { return }
            if case .received = event, connection != target.connection { return }
            if target.isFrozen { return schedule(.toWorker(worker, event, connection: connection), in: Self.tick) }
            tell(worker, event)
        case .lateToCoordinator(let envelope, let payload, let worker):
            guard workers[worker] != nil, let current = coordinator?.generation, envelope.generation < current else {
                return
            }
            tellCoordinator(.received(from: Self.peer(worker), envelope, payload: payload))
        case .lateToWorker(let worker, let envelope):
            guard let current = workers[worker]?.assignment?.generation, envelope.generation < current else { return }
            tell(worker, .received(envelope))
        case .work(let worker, let task, let attempt):
            guard let target = workers[worker], target.attempt == attempt else { return }
            if target.isFrozen { return schedule(.work(worker, task, attempt: attempt), in: Self.tick) }
            perform(task, worker)
        case .sumArrives(let worker, let generation, let step, let pauses):
            if workers[worker]?.isFrozen == true {
                return schedule(.sumArrives(worker, generation: generation, step: step, pauses: pauses), in: Self.tick)
            }
            apply(worker, generation: generation, step: step, pauses: pauses)
        case .stateArrives(let worker, let generation, let steps, let hash):
            guard let target = workers[worker], generation == history.generations.keys.max() else { return }
            // What comes before the order to start waits for it.
            if target.assignment?.generation != generation || target.isFrozen { return schedule(event, in: Self.tick) }
            takeState(worker, generation: generation, steps: steps, hash: hash)
        case .saved(let step, let hash):
            if step > checkpoint.step { checkpoint = (step, hash) }
            tellCoordinator(.saved(step: checkpoint.step))
        case .fault(let fault): bring(fault)
        case .born: bear()
        case .coordinatorReturns:
            coordinator = CoordinatorState(settings, at: now)
            for worker in workers.keys.sorted() where workers[worker]?.isCut == false { connect(worker) }
        case .thaw(let worker): workers[worker]?.isFrozen = false
        case .heal(let worker):
            guard workers[worker]?.isCut == true else { return }
            workers[worker]?.isCut = false
            if coordinator != nil { connect(worker) }
        }
    }

    /// The worker's new connection to the coordinator; what was on its way by the last one is lost.
    mutating func connect(_ worker: Int) {
        workers[worker]?.connection += 1
        tell(worker, .connected)
    }

    mutating func tellCoordinator(_ event: CoordinatorState.Event) {
        var events = [event]
        while !events.isEmpty, outcome == nil {
            guard let actions = coordinator?.handle(events.removeFirst(), at: now) else { return }
            for action in actions {
                switch action {
                case .send(let envelope, let peer): deliver(envelope, to: Self.number(peer))
                case .report(let report): observe(report)
                case .record(let extent):
                    // A full disk now and then: nothing is lost as long as the coordinator lives.
                    if !mustRecord && random.integer(below: 20) == 0 { break }
                    mustRecord = false
                    journal.synchronize()
                    events.append(.recorded(extent))
                case .launch: break
                case .conclude(let outcome): conclude(outcome)
                }
            }
        }
    }

    private mutating func observe(_ report: CoordinatorReport) {
        journal.take(report)
        switch report {
        case .notice(_, let text): trace(text)
        case .checkpointPart(let part, _):
            // The journal first: no checkpoint may hold steps that it does not know.
            guard random.integer(below: 20) != 0 else {
                return tellCoordinator(.notSaved(step: part.step, reason: "the disk is full"))
            }
            journal.synchronize()
            schedule(.saved(step: part.step, hash: sent[part.step] ?? 0), in: delay(upTo: 300))
        case .started(let assignment, _, _):
            history.began(assignment)
            // A generation that is not on the disk, and a crash at the same time, are two faults too many.
            mustRecord = true
            trace(
                "generation \(assignment.generation) from step \(assignment.firstStep): \(assignment.members.map(\.id))"
            )
            guard assignment.holders.isEmpty else { break }
            history.holds(checkpoint.hash, after: assignment.firstStep, worker: -1)
            for member in assignment.members {
                let event = Event.stateArrives(
                    Self.number(member.id), generation: assignment.generation, steps: checkpoint.step,
                    hash: checkpoint.hash)
                schedule(event, in: delay(upTo: 400))
            }
        case .completed: mustRecord = true  // As above.
        case .stepped(let reports): for report in reports { history.committed(report.step) }
        case .evaluated(let totals): history.evaluated(totals)
        case .rewound(let step):
            let members = coordinator?.availableWorkers ?? []
            let steps = members.compactMap { workers[Self.number($0)]?.steps }
            let known = history.committed.count
            history.rewound(
                to: step, furthestAlive: steps.filter { $0 <= known }.max() ?? 0, saved: checkpoint.step)
        default: break
        }
    }

    private mutating func deliver(_ envelope: Envelope<CoordinatorMessage>, to worker: Int) {
        guard let target = workers[worker], !target.isCut else {
            return schedule(
                .toCoordinator(.unreachable(Self.peer(worker), reason: "no route"), connection: 0), in: .milliseconds(1)
            )
        }
        let event = Event.toWorker(worker, .received(envelope), connection: target.connection)
        deliver(event, over: "to \(worker)")
        comeLate(.lateToWorker(worker, envelope))
    }

    mutating func deliver(_ envelope: Envelope<WorkerMessage>, _ payload: Frame?, from worker: Int) {
        guard let source = workers[worker], !source.isCut, coordinator != nil else { return }
        let event = CoordinatorState.Event.received(from: Self.peer(worker), envelope, payload: payload)
        deliver(.toCoordinator(event, connection: source.connection), over: "from \(worker)")
        if random.integer(below: 60) == 0 {
            deliver(.toCoordinator(event, connection: source.connection), over: "from \(worker)")
        }
        // Who says hello belongs to no generation yet; workers themselves say it until they are answered.
        if case .hello = envelope.message { return }
        comeLate(.lateToCoordinator(envelope, payload, from: worker))
    }

    /// Now and then a copy of a message comes when the members may have changed meanwhile.
    private mutating func comeLate(_ event: Event) {
        if random.integer(below: 12) == 0 { schedule(event, in: delay(upTo: 4000)) }
    }

    /// Notes what somebody who looks into a failed history wants to know.
    mutating func trace(_ text: String) { history.trace("\(start.duration(to: now)): \(text)") }

    // MARK: - Time

    mutating func delay(upTo milliseconds: Int) -> Duration { .milliseconds(random.integer(below: milliseconds)) }

    private mutating func deliver(_ event: Event, over link: String) {
        let arrival = max(now + delay(upTo: random.integer(below: 10) == 0 ? 600 : 60), links[link] ?? now)
        links[link] = arrival
        enqueue(event, at: arrival)
    }

    /// Latest first, and of the same time the last one first, so that the next event is at the end.
    private mutating func enqueue(_ event: Event, at time: ContinuousClock.Instant) {
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if queue[middle].at > time { low = middle + 1 } else { high = middle }
        }
        queue.insert((time, event), at: low)
    }

    mutating func schedule(_ event: Event, in delay: Duration) {
        enqueue(event, at: now + delay)
    }

    /// Takes events out of the future.
    mutating func cancel(where isLost: (Event) -> Bool) { queue.removeAll { isLost($0.event) } }
}

/// What a coordinator had written down when it died.
struct SimulatedJournal {
    private var buffered: [CoordinatorReport] = []
    private var durable: [CoordinatorReport] = []

    mutating func take(_ report: CoordinatorReport) { buffered.append(report) }

    mutating func synchronize() {
        durable += buffered
        buffered = []
    }

    mutating func lose() { buffered = [] }

    func past(savedStep: Int) -> RunPast {
        var past = RunPast()
        past.savedStep = savedStep
        for report in durable {
            switch report {
            case .started(let assignment, let members, let identity):
                past.generation = assignment.generation
                past.members = members
                past.shardCounts = assignment.shardCounts
                past.identity = identity
            case .stepped(let reports):
                past.steps = (reports.last?.step ?? -1) + 1
                past.stepsPerEpoch = reports.last?.stepsPerEpoch
            case .evaluated(let totals): past.evaluatedEpochs = totals.epoch + 1
            case .rewound(let step):
                past.steps = min(past.steps, step)
                if let final = past.final, final.steps > step { past.final = nil }
                if let stepsPerEpoch = past.stepsPerEpoch {
                    past.evaluatedEpochs = min(past.evaluatedEpochs, step / stepsPerEpoch)
                }
            case .completed(let report): past.final = report
            default: break
            }
        }
        return past
    }
}
