import Messaging
import Synchronization
import Threading

/// Connects a worker to its coordinator: runs the worker's state machine over a transport and its work on a thread of
/// its own, so that heartbeats go on while the worker computes.
public final class WorkerControl: Sendable {
    private enum Work: Sendable {
        case configure(run: String, offer: RunOffer)
        case train(Assignment)
        case save
        case conclude(savesCheckpoint: Bool)
    }

    /// How often the state machine hears that time has passed, and of steps; anything else wakes it.
    private static let interval = Duration.milliseconds(50)

    private let transport: any Transport
    private let coordinator: PeerID
    private let settings: WorkerState.Settings
    private let local = BlockingQueue<WorkerState.Event>()
    private let work = BlockingQueue<Work>()
    private let latest = Mutex(Progress(step: 0, phase: .joining))

    /// A worker that reaches `coordinator` by `transport`, which must be dialling it and serve nothing else.
    public init(transport: any Transport, coordinator: PeerID, settings: WorkerState.Settings) {
        self.transport = transport
        self.coordinator = coordinator
        self.settings = settings
    }

    /// Takes part in a run until its end; blocks the calling thread.
    ///
    /// A training that does not end within the cancel timeout is left behind on its thread, so the process should end
    /// soon after. The transport stays open.
    public func run(_ delegate: any WorkerDelegate) -> WorkerOutcome {
        let worker = DedicatedThread(name: "work") { [self] in perform(with: delegate) }
        var state = WorkerState(settings, at: .now)
        let outcome = loop(&state, delegate)
        work.close()
        worker.join(until: .now + Self.interval)
        return outcome
    }

    /// Passes something on to the coordinator; safe from any thread.
    public func report(_ report: WorkerReport) {
        local.push(.reported(report))
        // Steps come often, and nobody waits for word of them.
        if case .step = report { return }
        transport.wake()
    }

    /// Says where the worker stands; cheap and safe from any thread.
    ///
    /// It goes out with the next heartbeat. A phase that may take longer than others wait has `parts`.
    public func progress(step: Int, phase: Progress.Phase, parts: Int = 0) {
        latest.withLock { $0 = Progress(step: step, phase: phase, parts: parts, secondsPerShard: $0.secondsPerShard) }
    }

    /// Says how long the worker computes at a shard; cheap and safe from any thread.
    public func pace(secondsPerShard: Double) { latest.withLock { $0.secondsPerShard = secondsPerShard } }

    /// Asks the worker to end: once at the next step, twice at once; safe from any thread.
    public func interrupt() { tell(.interrupt) }

    private func tell(_ event: WorkerState.Event) {
        local.push(event)
        transport.wake()
    }

    private func loop(_ state: inout WorkerState, _ delegate: any WorkerDelegate) -> WorkerOutcome {
        var nextTick = ContinuousClock.now
        while true {
            var events: [WorkerState.Event]
            do {
                events = try transport.receive(until: nextTick).map(translated) ?? []
            } catch {
                delegate.cancel(.max, reason: "\(error)")
                return .failed("\(error)")
            }
            while case .element(let event) = local.pop(until: .now) { events.append(event) }
            if .now >= nextTick {
                nextTick = .now + Self.interval
                events.append(.tick(latest.withLock { $0 }))
            }
            for event in events {
                for action in state.handle(event, at: .now) {
                    if let outcome = perform(action, delegate) { return outcome }
                }
            }
        }
    }

    private func translated(_ event: TransportEvent) -> [WorkerState.Event] {
        switch event {
        case .connected(coordinator): return [.connected]
        case .disconnected(coordinator): return [.coordinatorLost(reason: "its connection is closed")]
        case .unreachable(coordinator, let reason): return [.coordinatorLost(reason: reason)]
        case .message(coordinator, let frames):
            do { return [.received(try ControlCodec.envelope(in: frames))] } catch { return [.undecodable(error)] }
        // Nobody but the coordinator commands a worker.
        case .connected, .disconnected, .unreachable, .message: return []
        }
    }

    private func perform(_ action: WorkerState.Action, _ delegate: any WorkerDelegate) -> WorkerOutcome? {
        switch action {
        case .send(let envelope, let payload): send(envelope, payload)
        case .configure(let run, let offer): work.push(.configure(run: run, offer: offer))
        case .start(let assignment): work.push(.train(assignment))
        case .sendCheckpoint: work.push(.save)
        case .finish(let savesCheckpoint): work.push(.conclude(savesCheckpoint: savesCheckpoint))
        case .requestPause(let generation): delegate.requestPause(of: generation)
        case .cancel(let generation, let reason): delegate.cancel(generation, reason: reason)
        case .confirm(let epoch): delegate.confirm(evaluationOf: epoch)
        case .requestCheckpoint: delegate.requestCheckpoint()
        case .conclude(let outcome): return outcome
        }
        return nil
    }

    private func send(_ envelope: Envelope<WorkerMessage>, _ payload: Frame?) {
        do {
            try transport.send(try ControlCodec.frames(envelope, payload: payload), to: coordinator)
        } catch {
            // A message that cannot be put into frames would be missed at the other end, so the run must not go on.
            tell(.failed(WorkerFailure("a message to the coordinator cannot be sent: \(error)")))
        }
    }

    /// The work thread.
    private func perform(with delegate: any WorkerDelegate) {
        while case .element(let next) = work.pop() {
            do {
                switch next {
                case .configure(let run, let offer):
                    tell(.configured(try delegate.configure(run: run, offer: offer)))
                case .train(let assignment):
                    switch try delegate.train(assignment, control: self) {
                    case .finished(let report): tell(.finished(report))
                    case .paused(let pause): tell(.paused(pause))
                    }
                case .save: try delegate.save(control: self)
                case .conclude(let savesCheckpoint):
                    tell(.finished(try delegate.conclude(savesCheckpoint: savesCheckpoint, control: self)))
                }
            } catch let failure as WorkerFailure {
                tell(.failed(failure))
            } catch {
                tell(.failed(WorkerFailure("\(error)")))
            }
        }
    }
}
