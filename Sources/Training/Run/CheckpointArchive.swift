import Checkpoints
import Cluster
import Messaging
import Threading

/// Writes the checkpoints that workers send, on a thread of its own, so that the coordinator goes on meanwhile.
final class CheckpointArchive: Sendable {
    /// What became of a checkpoint.
    enum Outcome: Sendable {
        case saved(Checkpoint)
        case failed(step: Int, reason: String)
    }

    private let parts = BlockingQueue<(CheckpointPart, Frame)>()
    private let outcomes = BlockingQueue<Outcome>()
    private let thread: DedicatedThread

    /// Writes to `store`; `onOutcome` is called on another thread.
    init(_ store: CheckpointStore, failpoints: Failpoints, onOutcome: @escaping @Sendable (Outcome) -> Void) {
        thread = DedicatedThread(name: "checkpoints") { [parts, outcomes] in
            var assembly = CheckpointAssembly(store, failpoints: failpoints)
            while case .element(let (part, bytes)) = parts.pop() {
                guard let outcome = assembly.add(part, bytes) else { continue }
                outcomes.push(outcome)
                onOutcome(outcome)
            }
        }
    }

    deinit { parts.close() }

    func add(_ part: CheckpointPart, _ bytes: Frame) { parts.push((part, bytes)) }

    /// Writes what is there and ends; the last outcome, or nil when there was none by `deadline`.
    func close(until deadline: ContinuousClock.Instant) -> Outcome? {
        parts.close()
        thread.join(until: deadline)
        var last: Outcome?
        while case .element(let outcome) = outcomes.pop(until: .now) { last = outcome }
        return last
    }
}

/// Puts a checkpoint together from its parts.
private struct CheckpointAssembly {
    private let store: CheckpointStore
    private let failpoints: Failpoints
    private var writer: CheckpointWriter?
    private var file: (name: String, bytes: Int)?
    private var failure: (step: Int, reason: String)?

    init(_ store: CheckpointStore, failpoints: Failpoints) {
        self.store = store
        self.failpoints = failpoints
    }

    /// Takes a part; says what became of the checkpoint when that is known by now.
    mutating func add(_ part: CheckpointPart, _ bytes: Frame) -> CheckpointArchive.Outcome? {
        // A new sender begins anew, also with the step at which the last one was lost.
        if part.isFirst { abandon() }
        guard part.isFirst || writer?.step == part.step else {
            // Whoever waits for what becomes of a complete checkpoint hears it once more.
            return part.isLast && failure?.step == part.step
                ? failure.map { .failed(step: $0.step, reason: $0.reason) } : nil
        }
        do {
            if part.isFirst { writer = try store.begin(step: part.step) }
            if file?.name != part.file {
                if file != nil { failpoints.pass(.checkpoint, step: part.step) }
                file = (part.file, 0)
            }
            guard file?.bytes == part.offset else {
                throw CheckpointError(part.file, "came with a gap before byte \(part.offset)")
            }
            try bytes.withBytes { try writer?.append(part.file, $0) }
            file?.bytes += bytes.count
            guard part.isLast, let complete = try writer?.finish() else { return nil }
            writer = nil
            file = nil
            return .saved(complete)
        } catch {
            abandon()
            let reason =
                "the checkpoint of step \(part.step) was not written: \(error); training goes on, and it is tried again"
            failure = (part.step, reason)
            return .failed(step: part.step, reason: reason)
        }
    }

    private mutating func abandon() {
        writer?.abandon()
        writer = nil
        file = nil
    }
}
