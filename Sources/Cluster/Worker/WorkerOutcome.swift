/// How a worker's part of a run ended.
public enum WorkerOutcome: Sendable, Equatable {
    /// It did everything that was configured.
    case completed(FinalReport)
    /// The run was stopped at a step boundary.
    case stopped(FinalReport)
    /// The coordinator refused it, and why.
    case refused(String)
    /// The coordinator ended the run at once, and why.
    case aborted(String)
    /// Somebody interrupted this worker before it trained, or twice.
    case interrupted
    /// It failed, and why.
    case failed(String)
}
