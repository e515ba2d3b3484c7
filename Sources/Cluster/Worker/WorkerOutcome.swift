/// How a worker's part of a run ended.
public enum WorkerOutcome: Sendable, Equatable, CustomStringConvertible {
    /// It did everything that was configured.
    case completed(FinalReport)
    /// The run was stopped at a step boundary.
    case stopped(FinalReport)
    /// It was asked to end and left the run at a step boundary.
    case left(steps: Int)
    /// The coordinator refused it, and why.
    case refused(String)
    /// The coordinator ended the run at once, and why.
    case aborted(String)
    /// Somebody interrupted this worker before it trained, or twice.
    case interrupted
    /// It failed, and why.
    case failed(String)

    /// How it ended, in a few words.
    public var description: String {
        switch self {
        case .completed(let report): "completed after \(report.steps) steps, parameters \(report.parameterHash)"
        case .stopped(let report): "stopped after \(report.steps) steps, parameters \(report.parameterHash)"
        case .left(let steps): "left after \(steps) steps"
        case .refused(let reason): "refused: \(reason)"
        case .aborted(let reason): "ended by the coordinator: \(reason)"
        case .interrupted: "interrupted"
        case .failed(let reason): "failed: \(reason)"
        }
    }
}
