import Logging
import Messaging
import Threading

/// The coordinator's side of a run as a pure state machine: events in, actions out; it knows no socket and no clock.
///
/// It waits for the workers, compares them, and gives them a place in a *generation* of workers. It collects what they
/// report. When a worker is lost, joins or leaves, it has the others pause between two steps and starts the next
/// generation at the step that the furthest of them has applied. It concludes exactly once, and after that it does
/// nothing any more. No event can trap it: what is unexpected is refused or noted.
///
/// - Determinism: a function of the events and their times.
public struct CoordinatorState: Sendable {
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
        /// All reports up to these are on the disk.
        case recorded(JournalExtent)
        /// A checkpoint of so many steps is complete.
        case saved(step: Int)
        /// A checkpoint of so many steps could not be written, and why.
        case notSaved(step: Int, reason: String)
        /// The run cannot go on, and why.
        case failed(reason: String)
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
        /// Bring to the disk what was reported, and say so by `recorded`.
        case record(JournalExtent)
        /// Start a worker process in place of one that has ended.
        case launch(PeerID, inPlaceOf: PeerID)
        /// The run is over; comes once, as the last action.
        case conclude(RunOutcome)
    }

    enum Phase: Equatable {
        /// Gathers the workers for the start.
        case joining
        /// A generation trains.
        case running
        /// Waits until all members stand between two steps; `isForced` when they were not given the time to agree on one.
        case regrouping(isForced: Bool, since: ContinuousClock.Instant)
        /// Too few workers are there to go on.
        case waiting(since: ContinuousClock.Instant)
        /// Everybody has finished: waits for the last checkpoint to reach the disk, and for those who have not come back to
        /// a coordinator that took over.
        case ending(FinalReport, until: ContinuousClock.Instant)
        case failing(until: ContinuousClock.Instant)
        case concluded

        var isWaiting: Bool { if case .waiting = self { true } else { false } }
    }

    /// How often the coordinator shows that it lives: workers that hear nothing for the heartbeat timeout call for it.
    static let pingInterval = Duration.milliseconds(500)
    /// How often it says for whom it waits.
    static let waitingInterval = Duration.seconds(5)
    /// How long a first cause may take to arrive after its consequences, and workers to leave after an abort.
    static let grace = Duration.seconds(1)
    /// A gap between ticks from which on the coordinator itself was held up, so that silence proves nothing.
    static let stall = Duration.seconds(1)
    /// How long workers may take to find a coordinator that took over.
    static let attachTimeout = Duration.seconds(5)
    /// The time between two attempts to write a checkpoint.
    static let saveInterval = Duration.seconds(10)
    /// The time between two moves of shards.
    static let balanceInterval = Duration.seconds(10)
    /// How long the last checkpoint may take to reach the disk.
    static let saveTimeout = Duration.seconds(120)
    /// How often one worker may be put out of the run before it is refused.
    static let evictionLimit = 3

    let settings: Settings
    var phase = Phase.joining
    /// Workers in order of joining; those who are gone are not among them.
    var members: [Member] = []
    /// The number of the member list; 0 before the first start.
    package internal(set) var generation = 0
    /// The shards of the generation's members, by rank.
    var shardCounts: [Int] = []
    /// The identity that the others must share, and whose it is.
    var reference: (identity: Identity, title: String)?
    var watch: ProgressWatch
    /// The generation under way as its workers know it; nil until this coordinator has started one.
    var roll: Assignment?
    /// Since when a step is broken; nil while all goes on.
    var brokenSince: ContinuousClock.Instant?
    /// Whether somebody was lost since the last generation began, so that complaints of others are explained.
    var hasLost = false
    var evaluation: EvaluationTally?
    var evaluatedEpochs = 0
    /// The step whose report comes next, and how far the journal on the disk goes.
    var nextStep = 0
    var recorded = JournalExtent(steps: 0)
    var stepsPerEpoch: Int?
    var savedStep = 0
    /// Since when a generation could start, were the newest checkpoint on the disk.
    var awaitsDiskSince: ContinuousClock.Instant?
    /// The number of steps in the last checkpoint that arrived, if it could not be written.
    var unsavedStep: Int?
    var gate = CheckpointGate()
    var verifications: [Int: [PeerID: String]] = [:]
    var causes = FailureCauses()
    /// Workers that are not members any more, as they were, and why.
    var departures: [PeerID: (member: Member, reason: String)] = [:]
    var evictions: [PeerID: Int] = [:]
    /// Workers that the coordinator's own launcher starts, and those of them that have ended.
    var launched: Set<PeerID>
    var exited: Set<PeerID> = []
    var restartCount = 0
    var interrupts = 0
    /// What the event under way asks for.
    var actions: [Action] = []
    var retrySaving: ContinuousClock.Instant?
    var nextBalance: ContinuousClock.Instant
    private let began: ContinuousClock.Instant
    private var lastTick: ContinuousClock.Instant
    private var nextPing: ContinuousClock.Instant
    private var nextWaiting: ContinuousClock.Instant

    /// A coordinator that waits for its workers from `now` on.
    public init(_ settings: Settings, at now: ContinuousClock.Instant) {
        self.settings = settings
        launched = settings.launched
        watch = ProgressWatch(floor: settings.progressTimeout)
        began = now
        lastTick = now
        nextPing = now + Self.pingInterval
        nextWaiting = now
        nextBalance = now + Self.balanceInterval
        takeOver(settings.past, at: now)
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
        case .recorded(let extent):
            recorded.steps = max(recorded.steps, extent.steps)
            recorded.epochs = max(recorded.epochs, extent.epochs)
        case .saved(let step):
            savedStep = max(savedStep, step)
            retrySaving = nil
            actions.append(.report(.saved(step: step)))
        case .notSaved(let step, let reason):
            unsavedStep = step
            gate.miss(step)
            retrySaving = now + Self.saveInterval
            note(.error, reason)
        case .failed(let reason): fail(.root, worker: nil, reason, at: now)
        case .interrupt: interrupt(at: now)
        case .tick: tick(at: now)
        }
        regroup(at: now)
        endWhenSaved(at: now)
        settle(at: now)
        defer { actions = [] }
        return actions
    }

    // MARK: - Time

    private mutating func tick(at now: ContinuousClock.Instant) {
        let gap = lastTick.duration(to: now)
        lastTick = now
        // Whoever was stopped itself, or slept with its host, has heard nobody: that is no fault of theirs.
        if gap > Self.stall {
            for position in members.indices {
                members[position].lastHeard += gap
                members[position].progressSince += gap
            }
        }
        expectSigns(at: now)
        expectProgress(at: now)
        balance(at: now)
        if now >= nextPing {
            nextPing = now + Self.pingInterval
            if recorded.steps < nextStep || recorded.epochs < evaluatedEpochs { record() }
            for member in members where member.isPresent && !member.isAway {
                send(.ping(recorded), to: member.id)
            }
        }
        if let time = retrySaving, now >= time, phase == .running, let first = members.first(where: { $0.rank == 0 }) {
            retrySaving = nil
            send(.save, to: first.id)
        }
        wait(at: now)
    }

    /// While workers are missing: says so, and gives up in the end.
    private mutating func wait(at now: ContinuousClock.Instant) {
        let since: ContinuousClock.Instant
        switch phase {
        case .joining: since = began
        case .waiting(let start): since = start
        case .running, .regrouping, .ending, .failing, .concluded: return
        }
        let waiting = Waiting(
            needed: phase == .joining ? settings.workers : settings.minWorkers,
            ready: members.filter(\.isAvailable).map(\.title),
            configuring: members.filter { $0.stage == .configuring }.map(\.title),
            left: settings.joinTimeout - since.duration(to: now))
        if since.duration(to: now) >= settings.joinTimeout {
            let remedy =
                phase == .joining
                ? "start the missing workers sooner, lower cluster.workers or raise cluster.join_timeout_s"
                : "resume it when there are enough"
            let verb = phase == .joining ? "start" : "go on"
            fail(
                phase == .joining ? .root : .consequence, worker: nil,
                "the run did not \(verb) within \(settings.joinTimeout.seconds) s: \(waiting); \(remedy)", at: now)
        } else if now >= nextWaiting {
            nextWaiting = now + Self.waitingInterval
            actions.append(.report(.waiting(waiting)))
        }
    }

    // MARK: - Small steps

    /// The members that stand between two steps, for checks.
    package var availableWorkers: [PeerID] { members.filter(\.isAvailable).map(\.id) }
    /// The number of members of the generation, for checks.
    package var memberCount: Int { members.count { $0.rank != nil } }

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

    /// Has everything that was reported so far brought to the disk.
    mutating func record() {
        actions.append(.record(JournalExtent(steps: nextStep, epochs: evaluatedEpochs)))
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
