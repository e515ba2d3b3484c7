import Logging
import Messaging

/// How workers are lost, and how a run breaks down when it cannot go on.
extension CoordinatorState {
    /// A worker is gone; `text` describes it as it was.
    mutating func lose(
        _ peer: PeerID, _ kind: FailureCauses.Kind, _ text: (Member) -> String, at now: ContinuousClock.Instant
    ) {
        guard let position = index(of: peer) else { return }
        let member = members[position]
        // Nobody has heard of it since the coordinator took over, so its connection says nothing.
        if member.isAway && kind == .connection { return }
        let words = text(member)
        switch phase {
        case .joining: return drop(position, kind, words, at: now)
        case .failing:
            members[position].stage = .left
            return fail(kind, worker: peer, words, at: now)
        case .concluded: return
        case .ending:
            members.remove(at: position)
            return note(.info, "\(words); it had finished")
        case .running, .regrouping, .waiting: break
        }
        guard member.rank != nil else { return drop(position, kind, words, at: now) }
        members.remove(at: position)
        if case .finished = member.stage, phase == .running {
            note(.info, "\(words); it had finished")
            return endWhenAllFinished(at: now)
        }
        departures[peer] = (member, "\(words), and the others went on without it")
        causes.note(kind, worker: peer, words)
        note(.warning, "\(words); the others take over its shards")
        hasLost = true
        halt(words, at: now)
    }

    mutating func processExited(_ peer: PeerID, _ exit: ProcessExit, at now: ContinuousClock.Instant) {
        let isExpected = !exited.insert(peer).inserted
        let kind: FailureCauses.Kind = if case .signal = exit { .root } else { .exit }
        if let position = index(of: peer) {
            let member = members[position]
            if case .finished = member.stage { return note(.info, "\(member.title) \(exit)") }
            if !member.isLeaving { replace(peer) }
            // Its own words, if it said any, tell more than its exit status; a signal tells more than a lost connection.
            return lose(peer, kind, { "\($0.title) \(exit)\($0.place)" }, at: now)
        }
        if let (member, _) = departures[peer] {
            let text = "\(member.title) \(exit)\(member.place)"
            causes.note(kind, worker: peer, text)
            note(.warning, text)
            return replace(peer)
        }
        guard launched.contains(peer), phase == .joining else {
            note(.info, "process '\(peer.name)' \(exit)")
            if !isExpected { replace(peer) }
            return
        }
        fail(kind, worker: peer, "worker '\(peer.name)' \(exit) before it joined; its log says more", at: now)
    }

    /// Has a launched worker that has ended started again, as often as that is allowed.
    private mutating func replace(_ peer: PeerID) {
        switch phase {
        case .running, .regrouping, .waiting: break
        case .joining, .ending, .failing, .concluded: return
        }
        guard launched.contains(peer), interrupts == 0, restartCount < settings.restarts,
            let next = try? PeerID("\(peer.name.prefix { $0 != "+" })+\(restartCount + 1)")
        else { return }
        restartCount += 1
        launched.insert(next)
        note(.notice, "'\(peer.name)' is started again (\(restartCount) of \(settings.restarts) restarts)")
        actions.append(.launch(next, inPlaceOf: peer))
    }

    mutating func workerFailed(_ position: Int, _ failure: WorkerFailure, at now: ContinuousClock.Instant) {
        let member = members[position]
        let words = lastWords(of: member, failure)
        guard failure.origin == .run else { return lose(member.id, failure.kind, { _ in words }, at: now) }
        // No other worker would fare better.
        members[position].stage = .left
        fail(.root, worker: member.id, words, at: now)
    }

    /// Last words of a worker that is no member any more, because its exit was known first, or never was one.
    mutating func strangerFailed(_ peer: PeerID, _ failure: WorkerFailure, at now: ContinuousClock.Instant) {
        let words =
            departures[peer].map { lastWords(of: $0.member, failure) }
            ?? "peer '\(printable(peer.name))' failed: \(printable(failure.reason))"
        switch phase {
        case .running, .regrouping, .waiting:
            if failure.origin == .run && departures[peer] != nil {
                return fail(.root, worker: peer, words, at: now)
            }
        case .joining, .ending, .failing, .concluded: break
        }
        note(.warning, words)
        causes.note(failure.kind, worker: peer, words)
    }

    private func lastWords(of member: Member, _ failure: WorkerFailure) -> String {
        let verb = failure.origin == .interrupt ? "was interrupted" : "failed"
        return "\(member.title) \(verb)\(member.place): \(printable(failure.reason))"
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

extension WorkerFailure {
    /// How much the worker's words explain.
    fileprivate var kind: FailureCauses.Kind {
        switch origin {
        case .own, .run: .root
        case .consequence: .consequence
        case .interrupt: .interrupt
        }
    }
}
