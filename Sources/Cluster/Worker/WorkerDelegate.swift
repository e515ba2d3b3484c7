/// The work that a worker does at the coordinator's word.
///
/// `configure` and `train` are called on the worker's own work thread, one after the other, and may take as long as they
/// need. `requestStop` and `cancel` are called on the control thread meanwhile and must return at once.
public protocol WorkerDelegate: AnyObject, Sendable {
    /// Builds what `yaml` asks for and says what must be the same in all workers.
    ///
    /// - Throws: ``WorkerFailure`` or any other error, whose description becomes the reason.
    func configure(run: String, yaml: String) throws -> Identity

    /// Trains as a member of a generation until the end or a stop; reports go to `control`.
    ///
    /// - Throws: ``WorkerFailure`` with origin `.consequence` when the trouble lies elsewhere, such as a lost peer or a
    ///   cancelled collective; any other error counts as this worker's own.
    func train(_ assignment: Assignment, control: WorkerControl) throws -> FinalReport

    /// Asks the training to end at the next step boundary on which all workers agree.
    func requestStop()

    /// Makes the training end at once by throwing; waits inside it must be given up.
    func cancel(reason: String)
}
