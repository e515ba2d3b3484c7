/// What coordinator and workers tell each other: `WorkerMessage` one way, `CoordinatorMessage` the other.
public protocol ControlMessage: Codable, Sendable, Equatable {
    /// Whether a binary frame follows the message.
    var carriesPayload: Bool { get }
    /// Why the values cannot be true, or nil; `payloadBytes` is the length of the binary frame, 0 without one.
    func problem(payloadBytes: Int) -> String?
}

/// A control message with the run and the generation it belongs to.
public struct Envelope<Message: ControlMessage>: Codable, Sendable, Equatable {
    /// The protocol's version, `ControlCodec.version` of the sender.
    public let version: Int
    /// The run's id; empty while the sender knows of no run.
    public let run: String
    /// The generation of the member list under which it was sent; 0 before the first start.
    public let generation: Int
    /// The message itself.
    public let message: Message

    /// Puts `message` in an envelope of this protocol version.
    public init(run: String, generation: Int, _ message: Message) {
        version = ControlCodec.version
        self.run = run
        self.generation = generation
        self.message = message
    }
}

/// From a worker to the coordinator.
public enum WorkerMessage: ControlMessage {
    /// Asks to take part.
    case hello(Hello)
    /// Has built everything the configuration asks for.
    case ready(Readiness)
    /// Is alive, and where it stands.
    case heartbeat(Progress)
    /// Steps were applied, in order; rank 0 says so twice a second at least, the others when they pause.
    case steps([StepReport])
    /// Stands between two steps and waits for what comes next.
    case paused(Pause)
    /// The hash of the parameters after a step.
    case verification(Verification)
    /// Was asked to end and would like to leave at the next step boundary.
    case leaving
    /// A share of an evaluation.
    case evaluation(EvaluationReport)
    /// Some bytes of a checkpoint's file; they follow in the binary frame.
    case checkpointPart(CheckpointPart)
    /// Has ended its part of the run and waits for the goodbye.
    case finished(FinalReport)
    /// Cannot go on and leaves.
    case failed(WorkerFailure)
    /// A line for the run's log.
    case log(LogLine)

    /// Whether a binary frame follows the message.
    public var carriesPayload: Bool {
        if case .checkpointPart = self { true } else { false }
    }

    /// Why the values cannot be true, or nil.
    public func problem(payloadBytes: Int) -> String? {
        switch self {
        case .hello(let hello): hello.problem
        case .ready(let identity): identity.problem
        case .heartbeat(let progress): progress.problem
        case .steps(let reports): reports.lazy.compactMap(\.problem).first
        case .evaluation(let report): report.problem
        case .checkpointPart(let part): part.problem(payloadBytes: payloadBytes)
        case .finished(let report): report.problem
        case .paused(let pause): pause.problem
        case .verification(let verification): verification.problem
        case .failed, .log, .leaving: nil
        }
    }
}

/// From the coordinator to a worker.
public enum CoordinatorMessage: ControlMessage {
    /// The run that the worker takes part in.
    case configuration(RunOffer)
    /// The worker cannot take part, and why.
    case refused(reason: String)
    /// Train as a member of a generation.
    case start(Assignment)
    /// The coordinator is alive and has written down so much.
    case ping(JournalExtent)
    /// Say hello again, and what may not be known: the coordinator is another one than before.
    case reattach
    /// Pause at the next step boundary on which all members agree.
    case pause
    /// Give up the step under way, which will be done again, and pause.
    case halt(reason: String)
    /// The evaluation of an epoch is complete.
    case evaluated(epoch: Int)
    /// Send a checkpoint at the next step boundary, or at that at which the training pauses.
    case save
    /// The run is asked to stop here: finish, with a checkpoint if that is this worker's part.
    case conclude(savesCheckpoint: Bool)
    /// The sender does not count on this worker any more; it may join anew.
    case rejoin(reason: String)
    /// End at once; the run has failed or was interrupted.
    case abort(reason: String)
    /// The run is over; everything has arrived.
    case goodbye

    /// Whether a binary frame follows the message: never.
    public var carriesPayload: Bool { false }

    /// Why the values cannot be true, or nil.
    public func problem(payloadBytes: Int) -> String? {
        switch self {
        case .configuration(let offer): offer.problem
        case .start(let assignment): assignment.problem
        case .ping(let extent): extent.problem
        case .evaluated(let epoch): epoch < 0 ? "epoch is \(epoch)" : nil
        case .refused, .reattach, .pause, .halt, .save, .conclude, .rejoin, .abort, .goodbye: nil
        }
    }
}
