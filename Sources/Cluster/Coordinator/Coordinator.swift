import Messaging
import Threading

/// Watches a run; see ``Coordinator/run(_:)``.
public protocol CoordinatorObserver: AnyObject {
    /// Takes a report, on the thread that runs the coordinator; while it is busy, workers hear nothing.
    func observe(_ report: CoordinatorReport)

    /// Brings to the disk what it took, so that a coordinator that takes over knows it; false when that failed.
    func record() -> Bool
}

/// Runs the coordinator's state machine over a transport.
public final class Coordinator: Sendable {
    /// How often the state machine hears that time has passed; anything else wakes it.
    private static let interval = Duration.milliseconds(100)

    private let transport: any Transport
    private let settings: CoordinatorState.Settings
    private let local = BlockingQueue<CoordinatorState.Event>()

    /// A coordinator whom workers reach at the address of `transport`, which must serve nothing else.
    public init(transport: any Transport, settings: CoordinatorState.Settings) {
        self.transport = transport
        self.settings = settings
    }

    /// Leads the run to its end; blocks the calling thread.
    ///
    /// The transport stays open, so that the last messages can leave before it is closed.
    ///
    /// - Parameter launch: Starts a worker process in place of one that has ended.
    public func run(
        _ observer: any CoordinatorObserver, launch: (PeerID, _ inPlaceOf: PeerID) -> Void = { _, _ in }
    ) -> RunOutcome {
        var state = CoordinatorState(settings, at: .now)
        var nextTick = ContinuousClock.now
        while true {
            var events: [CoordinatorState.Event] = []
            do {
                if let event = try transport.receive(until: nextTick), let translated = translated(event) {
                    events.append(translated)
                }
            } catch {
                return .failed(RunFailure(cause: "\(error)", consequences: []))
            }
            while case .element(let event) = local.pop(until: .now) { events.append(event) }
            if .now >= nextTick {
                nextTick = .now + Self.interval
                events.append(.tick)
            }
            while !events.isEmpty {
                let event = events.removeFirst()
                for action in state.handle(event, at: .now) {
                    switch action {
                    case .send(let envelope, let peer): send(envelope, to: peer)
                    case .report(let report): observer.observe(report)
                    case .record(let extent): if observer.record() { events.append(.recorded(extent)) }
                    case .launch(let worker, let previous): launch(worker, previous)
                    case .conclude(let outcome): return outcome
                    }
                }
            }
        }
    }

    /// Asks the run to end: once at the next step, twice at once; safe from any thread.
    public func interrupt() { tell(.interrupt) }

    /// Says that the process of a launched worker has ended; safe from any thread.
    public func processExited(_ worker: PeerID, _ exit: ProcessExit) { tell(.processExited(worker, exit)) }

    /// Says that a checkpoint is complete; safe from any thread.
    public func saved(step: Int) { tell(.saved(step: step)) }

    /// Says that the checkpoint of so many steps could not be written; safe from any thread.
    public func notSaved(step: Int, _ reason: String) { tell(.notSaved(step: step, reason: reason)) }

    /// Says that the run cannot go on; safe from any thread.
    public func fail(_ reason: String) { tell(.failed(reason: reason)) }

    private func tell(_ event: CoordinatorState.Event) {
        local.push(event)
        transport.wake()
    }

    private func translated(_ event: TransportEvent) -> CoordinatorState.Event? {
        switch event {
        // It woke itself.
        case .message(transport.id, _): return nil
        case .message(let peer, let frames):
            do {
                let envelope = try ControlCodec.envelope(in: frames, as: WorkerMessage.self)
                return .received(from: peer, envelope, payload: frames.count == 2 ? frames[1] : nil)
            } catch {
                return .undecodable(from: peer, error)
            }
        case .disconnected(let peer): return .disconnected(peer)
        case .unreachable(let peer, let reason): return .unreachable(peer, reason: reason)
        case .connected: return nil
        }
    }

    private func send(_ envelope: Envelope<CoordinatorMessage>, to peer: PeerID) {
        do {
            try transport.send(try ControlCodec.frames(envelope, payload: nil), to: peer)
        } catch {
            tell(.unreachable(peer, reason: "\(error)"))
        }
    }
}
