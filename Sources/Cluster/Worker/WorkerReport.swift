import Messaging

/// What a worker's training tells the coordinator while it runs.
public enum WorkerReport: Sendable {
    /// A step was applied.
    case step(StepReport)
    /// A share of an evaluation.
    case evaluation(EvaluationReport)
    /// Some bytes of a checkpoint's file; the frame may borrow the sender's memory.
    case checkpointPart(CheckpointPart, Frame)
    /// The hash of the parameters.
    case verification(Verification)
    /// A line for the run's log.
    case log(LogLine)
}
