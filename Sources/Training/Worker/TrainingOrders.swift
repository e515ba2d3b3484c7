import Cluster
import Collectives
import Threading

/// What the control thread asks of the work thread while that trains.
///
/// Orders name a generation, for one may come before the work thread has begun with it, or after it has ended.
final class TrainingOrders: @unchecked Sendable {  // All state is behind `condition`.
    private let condition = Condition()
    private var pausing = 0
    private var cancelled = 0
    private var group: AllReduceGroup?
    private var evaluatedEpochs = 0
    private var wantsCheckpoint = false

    /// Begins a generation; false when it is cancelled already.
    func begin(_ assignment: Assignment, _ group: AllReduceGroup) -> Bool {
        condition.withLock {
            self.group = group
            evaluatedEpochs = assignment.evaluatedEpochs
            return cancelled < assignment.generation
        }
    }

    func requestPause(of generation: Int) {
        condition.withLock {
            pausing = max(pausing, generation)
            condition.broadcast()
        }
    }

    func cancel(_ generation: Int, reason: String) {
        let group = condition.withLock {
            cancelled = max(cancelled, generation)
            condition.broadcast()
            return self.group
        }
        group?.cancel(reason: reason)
    }

    func confirm(evaluationOf epoch: Int) {
        condition.withLock {
            evaluatedEpochs = max(evaluatedEpochs, epoch + 1)
            condition.broadcast()
        }
    }

    func requestCheckpoint() { condition.withLock { wantsCheckpoint = true } }

    /// Whether a generation is asked to pause at the next step boundary.
    func isPausing(_ generation: Int) -> Bool { condition.withLock { pausing >= generation } }

    /// Whether a generation is asked to pause at once.
    func isCancelled(_ generation: Int) -> Bool { condition.withLock { cancelled >= generation } }

    /// Whether somebody asked for a checkpoint since the last call.
    func takeCheckpointRequest() -> Bool {
        condition.withLock {
            defer { wantsCheckpoint = false }
            return wantsCheckpoint
        }
    }

    /// Waits until the coordinator has the evaluation of `epoch`; false when the generation was to pause before.
    ///
    /// The coordinator cancels the generation when a worker's share does not come, and the control thread when the
    /// coordinator does not; so this wait needs no deadline of its own.
    func waitForEvaluation(of epoch: Int, in generation: Int) -> Bool {
        condition.withLock {
            while evaluatedEpochs <= epoch && max(cancelled, pausing) < generation { condition.wait() }
            return evaluatedEpochs > epoch
        }
    }
}

/// A generation that ends at once, between two steps.
struct Cancellation: Error {}
