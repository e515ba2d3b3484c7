import Messaging
import Threading

/// A worker's side of a run as a pure state machine: events in, actions out; it knows no socket and no clock.
///
/// It concludes exactly once, and after that it does nothing any more. No event can trap it.
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
        case configured(Identity)
        /// Something to pass on to the coordinator.
        case reported(WorkerReport)
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
        case configure(run: String, yaml: String)
        /// Train.
        case start(Assignment)
        /// End the training at the next step boundary.
        case requestStop
        /// End the training at once, and why.
        case cancel(reason: String)
        /// The worker's part is over; comes once, as the last action.
        case conclude(WorkerOutcome)
    }

    enum Phase: Equatable {
        case joining
        case configuring
        case ready
        case running
        /// Has said that it finished and waits for the goodbye.
        case finishing(FinalReport)
        /// Waits for the cancelled training to end.
        case ending(WorkerOutcome, until: ContinuousClock.Instant)
        case concluded
    }

    static let heartbeatInterval = Duration.milliseconds(250)
    static let helloInterval = Duration.seconds(1)
    /// A gap between ticks from which on the worker itself was held up, so that silence proves nothing.
    static let stall = Duration.seconds(1)

    private let settings: Settings
    private(set) var phase = Phase.joining
    private var run = ""
    private var generation = 0
    private var heartbeatTimeout = Duration.seconds(5)
    private var hasInterrupted = false
    private var actions: [Action] = []
    private let began: ContinuousClock.Instant
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
    }

    /// Takes one event and says what is to be done about it, in order.
    public mutating func handle(_ event: Event, at now: ContinuousClock.Instant) -> [Action] {
        guard phase != .concluded else { return [] }
        switch event {
        case .connected: if phase == .joining { sayHello(at: now) }
        case .received(let envelope): receive(envelope, at: now)
        case .undecodable(let error): end(.failed("\(error)"), tell: WorkerFailure("\(error)"), at: now)
        case .coordinatorLost(let reason):
            // While it joins, the worker goes on calling: the coordinator may start later.
            if phase != .joining {
                end(.failed("the coordinator at \(settings.coordinator) is lost: \(reason)"), at: now)
            }
        case .configured(let identity):
            guard phase == .configuring else { break }
            phase = .ready
            send(.ready(identity))
        case .reported(let report): pass(report)
        case .finished(let report): finished(report)
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
            heartbeatTimeout = .seconds(offer.heartbeatTimeoutSeconds)
            phase = .configuring
            return actions.append(.configure(run: run, yaml: offer.yaml))
        default: break
        }
        // Another run's coordinator at the same address, or one of before: neither commands this worker.
        guard envelope.run == run, envelope.generation >= generation else { return }
        switch envelope.message {
        case .start(let assignment) where phase == .ready && assignment.generation > generation:
            generation = assignment.generation
            phase = .running
            actions.append(.start(assignment))
        case .stop where phase == .running: actions.append(.requestStop)
        case .abort(let reason):
            let why = printable(reason)
            end(.aborted(why), tell: WorkerFailure("the run was aborted", origin: .consequence), at: now)
        case .goodbye:
            if case .finishing(let report) = phase {
                conclude(report.isComplete ? .completed(report) : .stopped(report))
            } else {
                end(.aborted("the coordinator ended the run"), at: now)
            }
        case .configuration, .refused, .start, .stop, .ping: break
        }
    }

    private mutating func tick(_ progress: Progress, at now: ContinuousClock.Instant) {
        let gap = lastTick.duration(to: now)
        lastTick = now
        // A worker that was stopped itself has heard nobody; that is no fault of the coordinator's.
        if gap > Self.stall { lastHeard += gap }
        if case .ending(let outcome, let deadline) = phase, now >= deadline { return conclude(outcome) }
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
            let silence = "it has said nothing for \(heartbeatTimeout.seconds) s"
            end(.failed("the coordinator at \(settings.coordinator) is lost: \(silence)"), at: now)
        }
        if phase != .concluded && now >= nextHeartbeat {
            nextHeartbeat = now + Self.heartbeatInterval
            send(.heartbeat(progress))
        }
    }

    private mutating func sayHello(at now: ContinuousClock.Instant) {
        nextHello = now + Self.helloInterval
        send(.hello(settings.hello))
    }

    // MARK: - The work

    private mutating func pass(_ report: WorkerReport) {
        switch (report, phase) {
        case (_, .joining): break
        case (.log(let line), _): send(.log(line))
        case (.step(let report), .running): send(.step(report))
        case (.evaluation(let report), .running): send(.evaluation(report))
        case (.checkpointPart(let part, let bytes), .running): send(.checkpointPart(part), payload: bytes)
        // What a cancelled training still says does not count any more.
        case (.step, _), (.evaluation, _), (.checkpointPart, _): break
        }
    }

    private mutating func finished(_ report: FinalReport) {
        switch phase {
        case .running:
            phase = .finishing(report)
            send(.finished(report))
        case .ending(let outcome, _): conclude(outcome)
        case .joining, .configuring, .ready, .finishing, .concluded: break
        }
    }

    private mutating func failed(_ failure: WorkerFailure) {
        switch phase {
        case .joining: conclude(.failed(failure.reason))
        case .configuring, .ready, .running, .finishing:
            send(.failed(failure))
            conclude(.failed(failure.reason))
        case .ending(let outcome, _): conclude(outcome)
        case .concluded: break
        }
    }

    private mutating func interrupt() {
        let isFirst = !hasInterrupted
        hasInterrupted = true
        switch phase {
        case .running where isFirst: return actions.append(.requestStop)
        case .finishing where isFirst: return
        case .ending(let outcome, _): return conclude(outcome)
        case .running: actions.append(.cancel(reason: "the worker was interrupted"))
        case .joining, .configuring, .ready, .finishing, .concluded: break
        }
        if phase != .joining { send(.failed(WorkerFailure("the worker was interrupted", origin: .interrupt))) }
        conclude(.interrupted)
    }

    // MARK: - Small steps

    /// Ends the worker's part; a training under way is cancelled and given a moment to end.
    private mutating func end(
        _ outcome: WorkerOutcome, tell failure: WorkerFailure? = nil, at now: ContinuousClock.Instant
    ) {
        if case .ending = phase { return }
        let isRunning = phase == .running
        if let failure, phase != .joining { send(.failed(failure)) }
        guard isRunning else { return conclude(outcome) }
        let reason =
            switch outcome {
            case .refused(let reason), .aborted(let reason), .failed(let reason): reason
            case .completed, .stopped, .interrupted: "the worker's part is over"
            }
        phase = .ending(outcome, until: now + settings.cancelTimeout)
        actions.append(.cancel(reason: reason))
    }

    private mutating func send(_ message: WorkerMessage, payload: Frame? = nil) {
        actions.append(.send(Envelope(run: run, generation: generation, message), payload: payload))
    }

    private mutating func conclude(_ outcome: WorkerOutcome) {
        phase = .concluded
        actions.append(.conclude(outcome))
    }
}

/// What a worker's training tells the coordinator while it runs.
public enum WorkerReport: Sendable {
    /// Rank 0 alone: a step was applied.
    case step(StepReport)
    /// A share of an evaluation.
    case evaluation(EvaluationReport)
    /// Some bytes of a checkpoint's file; the frame may borrow the sender's memory.
    case checkpointPart(CheckpointPart, Frame)
    /// A line for the run's log.
    case log(LogLine)
}
