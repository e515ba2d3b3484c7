import Logging
import Messaging
import Threading

/// The coordinator's side of a run as a pure state machine: events in, actions out; it knows no socket and no clock.
///
/// It waits for the workers, compares them, starts them, collects what they report and ends the run. It concludes
/// exactly once, and after that it does nothing any more. No event can trap it: what is unexpected is refused or noted.
///
/// - Determinism: a function of the events and their times.
public struct CoordinatorState: Sendable {
    /// What the run needs.
    public struct Settings: Sendable {
        /// The run's id.
        public var run: String
        /// The complete configuration for the workers.
        public var yaml: String
        /// The build of the coordinator, which workers must have too; nil when any will do.
        public var build: String?
        /// How many workers the run starts with.
        public var workers: Int
        /// How long to wait for them.
        public var joinTimeout: Duration
        /// After how long a silence a worker counts as lost.
        public var heartbeatTimeout: Duration
        /// The first step to train, counted from 0.
        public var firstStep: Int
        /// Workers that the coordinator's own launcher starts.
        ///
        /// Nobody starts them again, so the run fails without them, while it goes on waiting when another one leaves
        /// before the start.
        public var launched: Set<PeerID>

        /// Settings for a run.
        public init(
            run: String, yaml: String, build: String? = nil, workers: Int, joinTimeout: Duration = .seconds(600),
            heartbeatTimeout: Duration = .seconds(5), firstStep: Int = 0, launched: Set<PeerID> = []
        ) {
            precondition(workers > 0, "a run needs a worker")
            self.run = run
            self.yaml = yaml
            self.build = build
            self.workers = workers
            self.joinTimeout = joinTimeout
            self.heartbeatTimeout = heartbeatTimeout
            self.firstStep = firstStep
            self.launched = launched
        }
    }

    /// What happens to the coordinator.
    public enum Event: Sendable {
        /// A message arrived, with its binary frame.
        case received(from: PeerID, Envelope<WorkerMessage>, payload: Frame?)
        /// Something arrived that is no message.
        case undecodable(from: PeerID, ControlMessageError)
        /// A message could not be delivered.
        case unreachable(PeerID, reason: String)
        /// A connection has ended.
        case disconnected(PeerID)
        /// A launched process has ended.
        case processExited(PeerID, ProcessExit)
        /// Somebody asks the run to end: once at the next step, twice at once.
        case interrupt
        /// Time has passed.
        case tick
    }

    /// What is to be done.
    public enum Action: Sendable {
        /// Send a message.
        case send(Envelope<CoordinatorMessage>, to: PeerID)
        /// Tell whoever watches the run.
        case report(CoordinatorReport)
        /// The run is over; comes once, as the last action.
        case conclude(RunOutcome)
    }

    enum Phase: Equatable {
        case joining
        case running
        case failing(until: ContinuousClock.Instant)
        case concluded
    }

    /// How often the coordinator shows that it lives: workers that hear nothing for the heartbeat timeout leave.
    static let pingInterval = Duration.milliseconds(500)
    /// How often it says for whom it waits.
    static let waitingInterval = Duration.seconds(5)
    /// How long a first cause may take to arrive after its consequences, and workers to leave after an abort.
    static let grace = Duration.seconds(1)
    /// A gap between ticks from which on the coordinator itself was held up, so that silence proves nothing.
    static let stall = Duration.seconds(1)

    let settings: Settings
    var phase = Phase.joining
    /// Workers in order of joining; those who left before the start are not among them.
    var members: [Member] = []
    /// The number of the member list; 0 before the first start.
    package internal(set) var generation = 0
    /// The identity that the others must share, and whose it is.
    var reference: (identity: Identity, title: String)?
    var tallies: [Int: EvaluationTally] = [:]
    var lastStep: Int?
    var causes = FailureCauses()
    var interrupts = 0
    /// What the event under way asks for.
    var actions: [Action] = []
    private let began: ContinuousClock.Instant
    private var lastTick: ContinuousClock.Instant
    private var nextPing: ContinuousClock.Instant
    private var nextWaiting: ContinuousClock.Instant

    /// A coordinator that waits for its workers from `now` on.
    public init(_ settings: Settings, at now: ContinuousClock.Instant) {
        self.settings = settings
        began = now
        lastTick = now
        nextPing = now + Self.pingInterval
        nextWaiting = now
    }

    /// Takes one event and says what is to be done about it, in order.
    public mutating func handle(_ event: Event, at now: ContinuousClock.Instant) -> [Action] {
        guard phase != .concluded else { return [] }
        switch event {
        case .received(let peer, let envelope, let payload): receive(envelope, payload, from: peer, at: now)
        case .undecodable(let peer, let error):
            if index(of: peer) == nil {
                refuse(peer, "\(error)")
            } else {
                note(.warning, "\(title(of: peer)) sent something unusable: \(error)")
            }
        case .unreachable(let peer, let reason):
            lose(peer, .connection, { "\($0.title) cannot be reached\($0.place): \(reason)" }, at: now)
        case .disconnected(let peer):
            lose(peer, .connection, { "\($0.title) closed its connection\($0.place)" }, at: now)
        case .processExited(let peer, let exit): processExited(peer, exit, at: now)
        case .interrupt: interrupt()
        case .tick: tick(at: now)
        }
        settle(at: now)
        defer { actions = [] }
        return actions
    }

    // MARK: - Time

    private mutating func tick(at now: ContinuousClock.Instant) {
        let gap = lastTick.duration(to: now)
        lastTick = now
        // Whoever was stopped itself, or slept with its host, has heard nobody: that is no fault of theirs.
        if gap > Self.stall { for position in members.indices { members[position].lastHeard += gap } }
        for member in members where member.isPresent && member.lastHeard.duration(to: now) > settings.heartbeatTimeout {
            guard phase == .joining || member.stage == .training else { continue }
            let text = "\(member.title) sent no heartbeat for \(settings.heartbeatTimeout.seconds) s"
            lose(
                member.id, .root,
                { member in "\(text)\(member.place.isEmpty ? "" : "; it was last seen\(member.place)")" }, at: now)
        }
        if now >= nextPing {
            nextPing = now + Self.pingInterval
            for member in members where member.isPresent { send(.ping, to: member.id) }
        }
        guard phase == .joining else { return }
        if began.duration(to: now) >= settings.joinTimeout {
            failToGather(at: now)
        } else if now >= nextWaiting {
            nextWaiting = now + Self.waitingInterval
            actions.append(.report(.waiting(waiting(at: now))))
        }
    }

    /// Whom the run waits for.
    private func waiting(at now: ContinuousClock.Instant) -> Waiting {
        Waiting(
            needed: settings.workers,
            ready: members.filter { $0.stage == .ready }.map(\.title),
            configuring: members.filter { $0.stage == .configuring }.map(\.title),
            left: settings.joinTimeout - began.duration(to: now))
    }

    private mutating func failToGather(at now: ContinuousClock.Instant) {
        let waiting = waiting(at: now)
        fail(
            .root, worker: nil,
            "the run did not start within \(settings.joinTimeout.seconds) s: \(waiting); start the missing workers sooner, "
                + "lower cluster.workers or raise cluster.join_timeout_s", at: now)
    }

    // MARK: - Small steps

    func index(of peer: PeerID) -> Int? { members.firstIndex { $0.id == peer } }

    func title(of peer: PeerID) -> String {
        index(of: peer).map { members[$0].title } ?? "peer '\(printable(peer.name))'"
    }

    mutating func send(_ message: CoordinatorMessage, to peer: PeerID) {
        actions.append(.send(Envelope(run: settings.run, generation: generation, message), to: peer))
    }

    mutating func note(_ level: Logger.Level, _ text: String) {
        actions.append(.report(.notice(level, text)))
    }

    mutating func refuse(_ peer: PeerID, _ reason: String) {
        send(.refused(reason: reason), to: peer)
        actions.append(.report(.refused(peer, who: title(of: peer), reason: reason)))
    }

    mutating func conclude(_ outcome: RunOutcome) {
        phase = .concluded
        actions.append(.conclude(outcome))
    }
}
