/// The work that a worker does at the coordinator's word.
///
/// `configure`, `train`, `save` and `conclude` are called on the worker's own work thread, one after the other, and may take as
/// long as they need. The others are called on the control thread meanwhile and must return at once.
public protocol WorkerDelegate: AnyObject, Sendable {
    /// Builds what the offer of a run asks for and says what must be the same in all workers, and how far the replica is.
    ///
    /// Called again when the worker joins the run anew; the replica of before remains then.
    ///
    /// - Throws: ``WorkerFailure`` or any other error, whose description becomes the reason.
    func configure(run: String, offer: RunOffer) throws -> Readiness

    /// Trains as a member of a generation to the end of the run or to a pause; reports go to `control`.
    ///
    /// - Throws: ``WorkerFailure`` or any other error when this worker cannot go on at all.
    func train(_ assignment: Assignment, control: WorkerControl) throws -> TrainingEnd

    /// Sends a checkpoint of the step at which the training paused.
    ///
    /// - Throws: ``WorkerFailure`` or any other error, whose description becomes the reason.
    func save(control: WorkerControl) throws

    /// Finishes at the step at which the training paused.
    ///
    /// - Throws: ``WorkerFailure`` or any other error, whose description becomes the reason.
    func conclude(savesCheckpoint: Bool, control: WorkerControl) throws -> FinalReport

    /// Asks the training of a generation to pause at the next step boundary on which all its members agree.
    func requestPause(of generation: Int)

    /// Makes the training of all generations up to `generation` pause at once; waits inside it must be given up.
    func cancel(_ generation: Int, reason: String)

    /// Says that the evaluation of an epoch is complete.
    func confirm(evaluationOf epoch: Int)

    /// Asks for a checkpoint at the next step boundary.
    func requestCheckpoint()
}

/// Why the training of a generation returned.
public enum TrainingEnd: Sendable, Equatable {
    /// Everything that was configured is done.
    case finished(FinalReport)
    /// It stands between two steps.
    case paused(Pause)
}
