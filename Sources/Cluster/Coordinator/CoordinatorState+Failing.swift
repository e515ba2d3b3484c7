import Logging
import Messaging

/// How a run breaks down: everyone is told at once, and the first cause is looked for a moment longer.
extension CoordinatorState {
    /// A worker is gone; `text` describes it as it was.
    mutating func lose(
        _ peer: PeerID, _ kind: FailureCauses.Kind, _ text: (Member) -> String, at now: ContinuousClock.Instant
    ) {
        guard let position = index(of: peer) else { return }
        let member = members[position]
        switch (phase, member.stage) {
        case (.joining, _): drop(position, kind, text(member), at: now)
        case (.running, .finished): note(.info, "\(text(member)); it had finished")
        case (.running, .training), (.failing, _):
            members[position].stage = .left
            fail(kind, worker: peer, text(member), at: now)
        case (.running, _), (.concluded, _): break
        }
    }

    mutating func processExited(_ peer: PeerID, _ exit: ProcessExit, at now: ContinuousClock.Instant) {
        let kind: FailureCauses.Kind = if case .signal = exit { .root } else { .exit }
        if let position = index(of: peer) {
            let member = members[position]
            if case .finished = member.stage { return note(.info, "\(member.title) \(exit)") }
            // Its own words, if it said any, tell more than its exit status; a signal tells more than a lost connection.
            return lose(peer, kind, { "\($0.title) \(exit)\($0.place)" }, at: now)
        }
        guard settings.launched.contains(peer) else { return note(.info, "process '\(peer.name)' \(exit)") }
        fail(kind, worker: peer, "worker '\(peer.name)' \(exit) before it joined; its log says more", at: now)
    }

    mutating func workerFailed(_ position: Int, _ failure: WorkerFailure, at now: ContinuousClock.Instant) {
        let kind: FailureCauses.Kind =
            switch failure.origin {
            case .own: .root
            case .consequence: .consequence
            case .interrupt: .interrupt
            }
        let verb = failure.origin == .interrupt ? "was interrupted" : "failed"
        lose(members[position].id, kind, { "\($0.title) \(verb)\($0.place): \(printable(failure.reason))" }, at: now)
    }

    /// Notes a cause, and tells all workers to end when it is the first one.
    mutating func fail(
        _ kind: FailureCauses.Kind, worker: PeerID?, _ text: String, at now: ContinuousClock.Instant
    ) {
        causes.note(kind, worker: worker, text)
        if case .failing = phase { return }
        phase = .failing(until: now + Self.grace)
        note(.error, text)
        for member in members where member.isPresent { send(.abort(reason: text), to: member.id) }
    }

    /// Concludes a failing run once the first cause is known and all workers are gone, or the grace is over.
    mutating func settle(at now: ContinuousClock.Instant) {
        guard case .failing(let deadline) = phase else { return }
        let isExplained = causes.strongest == .root && !members.contains(where: \.isPresent)
        guard isExplained || now >= deadline else { return }
        conclude(causes.strongest == .interrupt ? .interrupted(nil) : .failed(causes.verdict))
    }
}
