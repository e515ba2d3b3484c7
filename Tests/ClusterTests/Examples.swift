import Cluster
import Messaging

/// A worker's introduction; ids of the tests are single letters, and the process id is the letter's code.
func hello(_ id: PeerID, host: String = "alpha", pid: Int32? = nil) -> Hello {
    Hello(
        build: "1.0", host: host, pid: pid ?? Int32(id.name.utf8.first ?? 1), threads: 1, kernels: "avx512",
        blasCore: "SkylakeX", dataAddress: "tcp://10.0.0.1:\(id.name.utf8.first ?? 0)", stateAddress: "tcp://10.0.0.1:1"
    )
}

let sameIdentity = Identity([.init("configuration", "c0"), .init("model", "m0"), .init("kernels", "avx512")])

func finalReport(_ hash: String = "h0", steps: Int = 10, isComplete: Bool = true) -> FinalReport {
    FinalReport(
        isComplete: isComplete, steps: steps, samples: 640, skippedSamples: 0, repeatedSamples: 0, parameterHash: hash,
        peakMemoryMB: 100)
}

func stepReport(_ step: Int) -> StepReport {
    StepReport(
        epoch: 0, step: step, stepsPerEpoch: 100, totalSteps: 100, samples: 64, lossSum: 100.5, lossWeight: 64,
        correct: 7,
        learningRate: 0.1, seconds: 0.5,
        computeSeconds: 0.4, communicationSeconds: 0.05, dataSeconds: 0.01)
}

/// A coordinator's state machine with a clock of its own and a record of what it asked for.
struct CoordinatorBench {
    var state: CoordinatorState
    var now = ContinuousClock.now
    var sent: [(message: CoordinatorMessage, generation: Int, to: PeerID)] = []
    var reports: [CoordinatorReport] = []
    var outcomes: [RunOutcome] = []
    var launches: [PeerID] = []
    /// Whether checkpoints are on the disk as soon as they are complete.
    var isDiskFast = true

    init(
        workers: Int, minWorkers: Int = 1, shards: Int? = nil, launched: Set<PeerID> = [],
        restarts: Int = 0, joinTimeout: Duration = .seconds(600), past: RunPast = RunPast()
    ) {
        let settings = CoordinatorState.Settings(
            run: "r1", yaml: "run: {}", workers: workers, minWorkers: minWorkers, shards: shards,
            joinTimeout: joinTimeout, launched: launched, restarts: restarts, past: past)
        state = CoordinatorState(settings, at: now)
    }

    mutating func handle(_ event: CoordinatorState.Event) {
        for action in state.handle(event, at: now) {
            switch action {
            case .send(let envelope, let peer): sent.append((envelope.message, envelope.generation, peer))
            case .report(let report):
                reports.append(report)
                if isDiskFast, case .checkpointPart(let part, _) = report, part.isLast {
                    handle(.saved(step: part.step))
                }
            case .record(let extent): handle(.recorded(extent))
            case .launch(let worker, _): launches.append(worker)
            case .conclude(let outcome): outcomes.append(outcome)
            }
        }
    }

    /// Lets a worker say something in the run and generation that it should be in.
    mutating func say(_ message: WorkerMessage, _ peer: PeerID, run: String? = nil, generation: Int? = nil) {
        let isHello = if case .hello = message { true } else { false }
        let envelope = Envelope(run: run ?? (isHello ? "" : "r1"), generation: generation ?? state.generation, message)
        handle(.received(from: peer, envelope, payload: message.carriesPayload ? Frame([1, 2]) : nil))
    }

    /// Lets time pass in ticks of 100 ms, in which `alive` send heartbeats.
    mutating func pass(
        _ duration: Duration, alive: [PeerID] = [], at progress: Progress = .init(step: 0, phase: .computing)
    ) {
        let end = now + duration
        while now < end {
            now += .milliseconds(100)
            for peer in alive { say(.heartbeat(progress), peer) }
            handle(.tick)
        }
    }

    /// Lets workers join, be ready and, when they are enough, start.
    mutating func gather(_ peers: PeerID...) {
        for peer in peers { say(.hello(hello(peer)), peer) }
        for peer in peers { say(.ready(Readiness(sameIdentity)), peer) }
    }

    /// Lets workers pause after so many steps, because the coordinator asked them to.
    mutating func pause(_ peers: PeerID..., after steps: Int) {
        for peer in peers { say(.paused(Pause(steps: steps)), peer) }
    }

    /// Lets a worker send a checkpoint in one part.
    mutating func checkpoint(_ step: Int, from peer: PeerID) {
        let part = CheckpointPart(file: "m", step: step, offset: 0, totalBytes: 2, isFirst: true, isLast: true)
        say(.checkpointPart(part), peer)
    }

    func messages(to peer: PeerID) -> [CoordinatorMessage] { sent.filter { $0.to == peer }.map(\.message) }

    var notices: [String] {
        reports.compactMap { if case .notice(_, let text) = $0 { text } else { nil } }
    }

    /// The steps that were reported as committed, in order.
    var committedSteps: [Int] {
        reports.reduce(into: []) { if case .stepped(let reports) = $1 { $0 += reports.map(\.step) } }
    }

    var starts: [Assignment] {
        sent.compactMap { if case .start(let assignment) = $0.message { assignment } else { nil } }
    }

    var failure: String? { if case .failed(let failure)? = outcomes.first { failure.description } else { nil } }
}
