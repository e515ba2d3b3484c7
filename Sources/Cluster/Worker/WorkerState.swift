import Messaging
import Threading

/// A worker's side of a run as a pure state machine: events in, actions out; it knows no socket and no clock.
///
/// It concludes exactly once, and after that it does nothing any more. No event can trap it. It outlives its
/// coordinator: the training goes on, what the coordinator has not acknowledged is kept, and the worker calls until
/// somebody answers for the run.
///
/// - Determinism: a function of the events and their times.
public struct WorkerState: Sendable {
    /// What the worker says about itself, and how long it waits.
    public struct Settings: Sendable {
        /// How the worker introduces itself.
        public var hello: Hello
        /// How to name the coordinator in an error, such as its address.
        public var coordinator: String
        /// How long to wait for the coordinator's first answer.
        public var joinTimeout: Duration
        /// How long the training may take to end after it was cancelled.
        public var cancelTimeout: Duration

        /// Settings for a worker.
        public init(
            hello: Hello, coordinator: String, joinTimeout: Duration = .seconds(600),
            cancelTimeout: Duration = .seconds(5)
        ) {
            self.hello = hello
            self.coordinator = coordinator
            self.joinTimeout = joinTimeout
            self.cancelTimeout = cancelTimeout
        }
    }

    /// What happens to the worker.
    public enum Event: Sendable {
        /// A connection to the coordinator is ready.
        case connected
        /// The coordinator says something.
        case received(Envelope<CoordinatorMessage>)
        /// The coordinator sent something that is no message.
        case undecodable(ControlMessageError)
        /// The connection to the coordinator is gone, and why.
        case coordinatorLost(reason: String)
        /// What the configuration asks for is built.
        case configured(Readiness)
        /// Something to pass on to the coordinator.
        case reported(WorkerReport)
        /// The training stands between two steps.
        case paused(Pause)
        /// The training has ended.
        case finished(FinalReport)
        /// Building or training has failed.
        case failed(WorkerFailure)
        /// Somebody asks the worker to end: once at the next step, twice at once.
        case interrupt
        /// Time has passed; where the worker stands.
        case tick(Progress)
    }

    /// What is to be done.
    public enum Action: Sendable {
        /// Send a message to the coordinator, with its binary frame.
        case send(Envelope<WorkerMessage>, payload: Frame?)
        /// Build what the configuration asks for.
        case configure(run: String, offer: RunOffer)
        /// Train.
        case start(Assignment)
        /// Pause the training of a generation at the next step boundary.
        case requestPause(generation: Int)
        /// Pause the training of all generations up to this one at once, and why.
        case cancel(generation: Int, reason: String)
        /// The evaluation of an epoch is complete.
        case confirm(epoch: Int)
        /// Send a checkpoint at the next step boundary.
        case requestCheckpoint
        /// Send a checkpoint where the training paused.
        case sendCheckpoint
        /// Finish where the training paused.
        case finish(savesCheckpoint: Bool)
        /// The worker's part is over; comes once, as the last action.
        case conclude(WorkerOutcome)
    }

    enum Phase: Equatable {
        case joining
        case configuring
        case ready(Readiness)
        case running
        /// Stands between two steps and waits for a new generation, or the end.
        case paused(Pause)
        /// Has said that it finished and waits for the goodbye.
        case finishing(FinalReport)
        /// Waits for its training to end, to join anew.
        case rejoining(until: ContinuousClock.Instant)
        /// Waits for the cancelled training to end.
        case ending(WorkerOutcome, until: ContinuousClock.Instant)
        case concluded
    }

    static let heartbeatInterval = Duration.milliseconds(500)
    static let helloInterval = Duration.seconds(1)
    /// A gap between ticks from which on the worker itself was held up, so that silence proves nothing.
    static let stall = Duration.seconds(1)
    /// How long a training may take to end before the worker joins anew: as long as a step of a large network.
    static let rejoinTimeout = Duration.seconds(60)

    let settings: Settings
    var phase = Phase.joining
    var run = ""
    var generation = 0
    var rank: Int?
    private var heartbeatTimeout = Duration.seconds(5)
    private var reattachTimeout = Duration.seconds(60)
    /// Since when, and why, the coordinator is out of reach; nil while it answers.
    var lost: (since: ContinuousClock.Instant, reason: String)?
    /// Reports that the coordinator has not written down.
    var unrecorded: [StepReport] = []
    var unrecordedEvaluations: [EvaluationReport] = []
    /// The first step whose report was not sent yet.
    var firstUnsent = 0
    /// From when on a step is reported at once.
    var nextReport: ContinuousClock.Instant
    var isLeaving = false
    private var hasInterrupted = false
    var actions: [Action] = []
    private var began: ContinuousClock.Instant
    private var lastHeard: ContinuousClock.Instant
    private var lastTick: ContinuousClock.Instant
    private var nextHello: ContinuousClock.Instant
    private var nextHeartbeat: ContinuousClock.Instant

    /// A worker that wants to join from `now` on.
    public init(_ settings: Settings, at now: ContinuousClock.Instant) {
        self.settings = settings
        began = now
        lastHeard = now
        lastTick = now
        nextHello = now
        nextHeartbeat = now
        nextReport = now
    }

    /// Takes one event and says what is to be done about it, in order.
    public mutating func handle(_ event: Event, at now: ContinuousClock.Instant) -> [Action] {
        guard phase != .concluded else { return [] }
        switch event {
        case .connected: if phase == .joining || lost != nil { sayHello(at: now) }
        case .received(let envelope): receive(envelope, at: now)
        case .undecodable(let error): end(.failed("\(error)"), tell: WorkerFailure("\(error)"), at: now)
        case .coordinatorLost(let reason): lose(reason, at: now)
        case .configured(let readiness):
            guard phase == .configuring else { break }
            phase = .ready(readiness)
            repeatStanding()
        case .reported(let report): pass(report, at: now)
        case .paused(let pause): paused(pause, at: now)
        case .finished(let report): finished(report, at: now)
        case .failed(let failure): failed(failure)
        case .interrupt: interrupt()
        case .tick(let progress): tick(progress, at: now)
        }
        defer { actions = [] }
        return actions
    }

    // MARK: - The coordinator

    private mutating func receive(_ envelope: Envelope<CoordinatorMessage>, at now: ContinuousClock.Instant) {
        lastHeard = now
        switch envelope.message {
        case .refused(let reason): return end(.refused(printable(reason)), at: now)
        case .configuration(let offer) where phase == .joining:
            run = envelope.run
            lost = nil
            heartbeatTimeout = .seconds(offer.heartbeatTimeoutSeconds)
            reattachTimeout = .seconds(offer.reattachTimeoutSeconds)
            phase = .configuring
            return actions.append(.configure(run: run, offer: offer))
        default: break
        }
        // Another run's coordinator at the same address, or one of before: neither commands this worker.
        guard envelope.run == run, envelope.generation >= generation else { return }
        if lost != nil {
            lost = nil
            repeatStanding()
        }
        obey(envelope, at: now)
    }

    /// Calls for the coordinator from now on; the work goes on meanwhile.
    mutating func lose(_ reason: String, at now: ContinuousClock.Instant) {
        guard phase != .joining, lost == nil else { return }
        if case .ending = phase { return }
        lost = (now, reason)
        nextHello = now
    }

    private mutating func tick(_ progress: Progress, at now: ContinuousClock.Instant) {
        let gap = lastTick.duration(to: now)
        lastTick = now
        // A worker that was stopped itself has heard nobody; that is no fault of the coordinator's.
        if gap > Self.stall {
            lastHeard += gap
            lost?.since += gap
        }
        if case .ending(let outcome, let deadline) = phase, now >= deadline { return conclude(outcome) }
        if case .rejoining(let deadline) = phase, now >= deadline {
            return conclude(.failed("its training did not end within \(Self.rejoinTimeout.seconds) s"))
        }
        if phase == .joining {
            if began.duration(to: now) >= settings.joinTimeout {
                conclude(
                    .failed(
                        "the coordinator at \(settings.coordinator) did not answer within \(settings.joinTimeout.seconds) s; "
                            + "check that it runs and that the address is right"))
            } else if now >= nextHello {
                sayHello(at: now)
            }
            return
        }
        if lastHeard.duration(to: now) > heartbeatTimeout {
            lose("it has said nothing for \(heartbeatTimeout.seconds) s", at: now)
        }
        if let lost, lost.since.duration(to: now) >= reattachTimeout {
            let reason =
                "the coordinator at \(settings.coordinator) is lost: \(lost.reason), and it did not come back within "
                + "\(reattachTimeout.seconds) s; take the run over with convoy coordinator --resume and its directory, or a "
                + "copy of that, and start this worker again"
            return end(.failed(reason), at: now)
        }
        if lost != nil {
            if now >= nextHello { sayHello(at: now) }
            return
        }
        if now >= nextHeartbeat {
            nextHeartbeat = now + Self.heartbeatInterval
            reportNow()
            send(.heartbeat(progress))
        }
    }

    private mutating func sayHello(at now: ContinuousClock.Instant) {
        nextHello = now + Self.helloInterval
        var hello = settings.hello
        switch phase {
        case .running, .paused, .finishing: hello.attachedGeneration = generation
        case .joining, .configuring, .ready, .rejoining, .ending, .concluded: break
        }
        send(.hello(hello))
    }

    /// Asks to take part as if for the first time; the replica keeps what it knows.
    mutating func joinAnew(at now: ContinuousClock.Instant) {
        phase = .joining
        rank = nil
        began = now
        nextHello = now
    }

    // MARK: - The work

    private mutating func interrupt() {
        let isFirst = !hasInterrupted
        hasInterrupted = true
        switch phase {
        case .running where isFirst, .paused where isFirst:
            isLeaving = true
            return send(.leaving)
        case .finishing where isFirst: return
        case .ending(let outcome, _): return conclude(outcome)
        case .running: actions.append(.cancel(generation: .max, reason: "the worker was interrupted"))
        case .joining, .configuring, .ready, .paused, .finishing, .rejoining, .concluded: break
        }
        if phase != .joining { send(.failed(WorkerFailure("the worker was interrupted", origin: .interrupt))) }
        conclude(.interrupted)
    }

    // MARK: - Small steps

    /// Ends the worker's part; a training under way is cancelled and given a moment to end.
    mutating func end(_ outcome: WorkerOutcome, tell failure: WorkerFailure? = nil, at now: ContinuousClock.Instant) {
        if case .ending = phase { return }
        if let failure, phase != .joining { send(.failed(failure)) }
        guard phase == .running else { return conclude(outcome) }
        let reason =
            switch outcome {
            case .refused(let reason), .aborted(let reason), .failed(let reason): reason
            case .completed, .stopped, .left, .interrupted: "the worker's part is over"
            }
        phase = .ending(outcome, until: now + settings.cancelTimeout)
        actions.append(.cancel(generation: .max, reason: reason))
    }

    mutating func send(_ message: WorkerMessage, payload: Frame? = nil) {
        actions.append(.send(Envelope(run: run, generation: generation, message), payload: payload))
    }

    mutating func conclude(_ outcome: WorkerOutcome) {
        phase = .concluded
        actions.append(.conclude(outcome))
    }
}
