import Logging
import Messaging
import Threading

/// What workers say, and how a run ends well.
extension CoordinatorState {
    mutating func receive(
        _ envelope: Envelope<WorkerMessage>, _ payload: Frame?, from peer: PeerID, at now: ContinuousClock.Instant
    ) {
        let isHello = if case .hello = envelope.message { true } else { false }
        guard envelope.run == settings.run || (isHello && envelope.run.isEmpty) else {
            return refuse(peer, "it belongs to run '\(envelope.run)' and this is run '\(settings.run)'; start it anew")
        }
        if case .hello(let hello) = envelope.message { return greet(hello, from: peer, at: now) }
        guard let position = index(of: peer) else { return hearStranger(envelope.message, from: peer, at: now) }
        members[position].lastHeard = now
        switch envelope.message {
        // Also from a worker that is known to be gone: its words may come after its exit.
        case .failed(let failure): return workerFailed(position, failure, at: now)
        case .log(let line): return actions.append(.report(.log(peer, clean(line))))
        case .ready(let readiness): return admit(readiness, at: position, now: now)
        default: break
        }
        // It took late words of a coordinator of before for a sign of life, and what it said meanwhile is lost.
        if members[position].isAway { return send(.reattach, to: peer) }
        switch phase {
        case .joining, .running, .regrouping, .waiting: break
        case .ending, .failing, .concluded: return
        }
        guard members[position].rank == nil || envelope.generation == generation else {
            // Heartbeats sent before the start arrive after it; anything else from another generation does not count.
            if case .heartbeat = envelope.message, envelope.generation < generation { return }
            return note(
                .info,
                "\(members[position].title) sent a message of generation \(envelope.generation) in generation \(generation); ignored"
            )
        }
        switch envelope.message {
        case .heartbeat(let progress): heard(progress, from: position, at: now)
        case .steps(let reports): record(reports, at: position, now: now)
        case .leaving:
            members[position].isLeaving = true
            note(.notice, "\(members[position].title) was asked to end and leaves at the next step")
            pauseAtBoundary(at: now)
        case .checkpointPart where phase.isWaiting: collect(envelope.message, payload, from: position, at: now)
        case .paused, .evaluation, .checkpointPart, .verification, .finished:
            guard members[position].stage == .training else {
                return note(.debug, "\(members[position].title) reported something while it did not train; ignored")
            }
            collect(envelope.message, payload, from: position, at: now)
        case .hello, .ready, .failed, .log: break
        }
    }

    /// Words of a worker that is no member any more, or never was.
    private mutating func hearStranger(
        _ message: WorkerMessage, from peer: PeerID, at now: ContinuousClock.Instant
    ) {
        switch message {
        case .failed(let failure): strangerFailed(peer, failure, at: now)
        case .log(let line): actions.append(.report(.log(peer, clean(line))))
        case .hello, .ready, .heartbeat, .steps, .paused, .verification, .leaving, .evaluation, .checkpointPart,
            .finished:
            ask(peer, toRejoin: departures[peer]?.reason)
        }
    }

    /// Takes the reports of the next steps, whoever brings them; what is known already does not count again.
    private mutating func record(_ reports: [StepReport], at position: Int, now: ContinuousClock.Instant) {
        var next: [StepReport] = []
        for report in reports where report.step == nextStep {
            // Somebody who was away when the run went back may be past an evaluation that has to be made again.
            if members[position].rank == nil, report.step / report.stepsPerEpoch > evaluatedEpochs { break }
            nextStep += 1
            stepsPerEpoch = report.stepsPerEpoch
            watch.add(report.seconds)
            next.append(report)
        }
        guard let first = next.first else { return }
        actions.append(.report(.stepped(next)))
        // With one member there is nobody to compare with.
        agree(memberCount == 1 ? [members[position].id] : [], on: nextStep)
        if let since = brokenSince, phase == .running {
            brokenSince = nil
            let seconds = (since.duration(to: now).seconds * 100).rounded() / 100
            note(.notice, "went on with step \(first.step) after \(seconds) s")
        }
    }

    /// Reports of a worker that trains.
    private mutating func collect(
        _ message: WorkerMessage, _ payload: Frame?, from position: Int, at now: ContinuousClock.Instant
    ) {
        let member = members[position]
        switch message {
        case .paused(let pause):
            members[position].stage = .paused(pause)
            if let reason = pause.reason {
                note(.warning, "\(member.title) cannot go on after \(pause.steps) steps: \(printable(reason))")
            }
            if case .regrouping(isForced: false, _) = phase, pause.isAgreed { return }
            halt("\(member.title) \(pause.reason == nil ? "stands still" : "cannot go on")", at: now)
        case .evaluation(let report): evaluate(report, from: member, at: now)
        case .checkpointPart(let part):
            guard let payload else { return }
            let parcel = CheckpointGate.Parcel(part: part, bytes: payload, sender: member.id)
            pass(gate.take(parcel, reportedSteps: nextStep))
        case .verification(let verification): verify(verification, from: member, at: now)
        case .finished(let report):
            members[position].stage = .finished(report)
            actions.append(.report(.finished(rank: member.rank ?? position, report)))
            endWhenAllFinished(at: now)
        case .hello, .ready, .heartbeat, .steps, .leaving, .failed, .log: break
        }
    }

    private mutating func pass(_ parcel: CheckpointGate.Parcel?) {
        guard let parcel else { return }
        if parcel.part.isLast { unsavedStep = nil }
        actions.append(.report(.checkpointPart(parcel.part, parcel.bytes)))
    }

    /// These members hold the same parameters after `steps` steps.
    mutating func agree(_ peers: [PeerID], on steps: Int) {
        for peer in peers { gate.agree(peer, on: steps) }
        pass(gate.release(reportedSteps: nextStep))
    }

    private mutating func evaluate(_ report: EvaluationReport, from member: Member, at now: ContinuousClock.Instant) {
        // Who says it again has not heard that it arrived.
        guard report.epoch >= evaluatedEpochs else { return send(.evaluated(epoch: report.epoch), to: member.id) }
        if report.epoch > evaluatedEpochs {
            // Nobody goes on before an evaluation has arrived: a coordinator of before had it, and the journal has not.
            note(.warning, "the evaluation of epoch \(evaluatedEpochs) is lost with the coordinator of before")
            (evaluatedEpochs, evaluation) = (report.epoch, nil)
        }
        var tally = evaluation ?? EvaluationTally(epoch: report.epoch, chunkCount: report.chunkCount)
        if let contradiction = tally.add(report) {
            return fail(.root, worker: member.id, "\(member.title) contradicts the others: \(contradiction)", at: now)
        }
        evaluation = tally
        guard let totals = tally.totals else { return }
        evaluation = nil
        evaluatedEpochs += 1
        actions.append(.report(.evaluated(totals)))
        record()
        for member in members where member.rank != nil { send(.evaluated(epoch: totals.epoch), to: member.id) }
    }

    mutating func endWhenAllFinished(at now: ContinuousClock.Instant) {
        guard phase == .running else { return }
        let ranked = members.filter { $0.rank != nil }
        let reports = ranked.compactMap { member in
            if case .finished(let report) = member.stage { (member: member, report: report) } else { nil }
        }
        guard reports.count == ranked.count, let first = reports.first?.report else { return }
        let hashes = reports.map { (member: $0.member, hash: $0.report.parameterHash) }
        guard compare(hashes, after: first.steps, at: now) else { return }
        if first.isComplete, let evaluation, !evaluation.missing.isEmpty {
            return fail(
                .root, worker: nil,
                "the evaluation of epoch \(evaluation.epoch) lacks \(evaluation.missing.count) chunks, the first of them "
                    + "\(evaluation.missing[0]); a worker did not send its share", at: now)
        }
        guard hasCheckpoint(of: first) else { return }
        phase = .ending(first, until: now + Self.saveTimeout)
    }

    /// Lets the workers go once the last checkpoint is on the disk, or cannot get there.
    ///
    /// That all is done is written down before: with the workers gone nobody could tell a coordinator that takes over.
    mutating func endWhenSaved(at now: ContinuousClock.Instant) {
        guard case .ending(let final, let deadline) = phase else { return }
        let isSettled = savedStep >= final.steps || unsavedStep == final.steps
        guard isSettled && !members.contains(where: \.isAway) || now >= deadline else { return }
        if final.isComplete {
            actions.append(.report(.completed(final)))
            record()
        }
        for member in members { send(.goodbye, to: member.id) }
        conclude(final.isComplete ? .completed(final) : .interrupted(final))
    }

    /// Whether the last checkpoint of a run that ends has arrived; asks for it else.
    ///
    /// It may have been on its way to a coordinator that died.
    private mutating func hasCheckpoint(of final: FinalReport) -> Bool {
        // A step that is not reported by now never will be; the result says so.
        pass(gate.release(reportedSteps: final.steps))
        guard max(savedStep, gate.passedStep) < final.steps,
            let position = members.firstIndex(where: { $0.rank != nil && $0.stage != .left })
        else { return true }
        members[position].stage = .training
        send(.conclude(savesCheckpoint: true), to: members[position].id)
        return false
    }

    mutating func interrupt(at now: ContinuousClock.Instant) {
        interrupts += 1
        switch phase {
        case .running where interrupts == 1, .regrouping where interrupts == 1:
            note(.notice, "interrupted: ending at the next step with a checkpoint; interrupt again to end at once")
            pauseAtBoundary(at: now)
        // The pause comes to its end in `regroup`.
        case .waiting where interrupts == 1: phase = .regrouping(isForced: true, since: now)
        case .ending where interrupts == 1:
            note(.notice, "interrupted while the run ends; interrupt again to end at once")
        case .failing: conclude(.failed(causes.verdict))
        default:
            for member in members where member.isPresent {
                send(.abort(reason: "the run was interrupted"), to: member.id)
            }
            conclude(.interrupted(nil))
        }
    }

    private func clean(_ line: LogLine) -> LogLine { LogLine(line.level, printable(line.line)) }
}
