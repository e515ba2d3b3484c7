import Logging
import Messaging

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
        guard let position = index(of: peer) else {
            return refuse(peer, "it is not among the run's workers; start it anew")
        }
        members[position].lastHeard = now
        switch envelope.message {
        // Also from a worker that is known to be gone: its words may come after its exit.
        case .failed(let failure): return workerFailed(position, failure, at: now)
        case .log(let line): return actions.append(.report(.log(peer, clean(line))))
        default: break
        }
        guard phase == .joining || phase == .running else { return }
        guard envelope.generation == generation else {
            // Heartbeats sent before the start arrive after it; anything else from another generation does not count.
            if case .heartbeat = envelope.message, envelope.generation < generation { return }
            return note(
                .warning,
                "\(members[position].title) sent a message of generation \(envelope.generation) in generation \(generation); ignored"
            )
        }
        switch envelope.message {
        case .ready(let identity): admit(identity, at: position, now: now)
        case .heartbeat(let progress): members[position].progress = progress
        case .step, .evaluation, .checkpointPart, .finished:
            guard members[position].stage == .training else {
                return note(.warning, "\(members[position].title) reported something while it did not train; ignored")
            }
            collect(envelope.message, payload, from: position, at: now)
        case .hello, .failed, .log: break
        }
    }

    /// Reports of a worker that trains.
    private mutating func collect(
        _ message: WorkerMessage, _ payload: Frame?, from position: Int, at now: ContinuousClock.Instant
    ) {
        let member = members[position]
        switch message {
        case .step(let report):
            guard member.rank == 0, lastStep.map({ report.step > $0 }) ?? true else {
                return note(.warning, "\(member.title) reported step \(report.step) out of turn; ignored")
            }
            lastStep = report.step
            actions.append(.report(.stepped(report)))
        case .evaluation(let report): evaluate(report, from: member, at: now)
        case .checkpointPart(let part):
            guard member.rank == 0, let payload else {
                return note(.warning, "\(member.title) sent a part of \(part.file) out of turn; ignored")
            }
            actions.append(.report(.checkpointPart(part, payload)))
        case .finished(let report):
            members[position].stage = .finished(report)
            actions.append(.report(.finished(rank: member.rank ?? position, report)))
            endWhenAllFinished(at: now)
        case .hello, .ready, .heartbeat, .failed, .log: break
        }
    }

    private mutating func evaluate(_ report: EvaluationReport, from member: Member, at now: ContinuousClock.Instant) {
        var tally = tallies[report.epoch] ?? EvaluationTally(epoch: report.epoch, chunkCount: report.chunkCount)
        let wasComplete = tally.totals != nil
        if let contradiction = tally.add(report) {
            return fail(.root, worker: member.id, "\(member.title) contradicts the others: \(contradiction)", at: now)
        }
        tallies[report.epoch] = tally
        if !wasComplete, let totals = tally.totals { actions.append(.report(.evaluated(totals))) }
    }

    private mutating func endWhenAllFinished(at now: ContinuousClock.Instant) {
        let reports = members.compactMap { member in
            if case .finished(let report) = member.stage { report } else { nil }
        }
        guard reports.count == members.count, let first = reports.first else { return }
        if let difference = differingRanks(reports) {
            return fail(.root, worker: nil, difference, at: now)
        }
        for tally in tallies.values.sorted(by: { $0.epoch < $1.epoch }) where tally.totals == nil && first.isComplete {
            let missing = tally.missing
            return fail(
                .root, worker: nil,
                "the evaluation of epoch \(tally.epoch) lacks \(missing.count) chunks, the first of them \(missing[0]); "
                    + "a worker did not send its share", at: now)
        }
        for member in members { send(.goodbye, to: member.id) }
        conclude(first.isComplete ? .completed(first) : .interrupted(first))
    }

    /// Which ranks ended with other parameters than most, or nil when all agree.
    private func differingRanks(_ reports: [FinalReport]) -> String? {
        let ranks = Dictionary(grouping: reports.indices, by: { reports[$0].parameterHash })
        guard ranks.count > 1 else { return nil }
        // The largest group first, and of equal ones that with the lowest rank.
        let groups = ranks.sorted { ($1.value.count, $0.value[0]) < ($0.value.count, $1.value[0]) }
        let described = groups.map { hash, group in
            let names = group.map { members[$0].title }.joined(separator: ", ")
            return "\(names): \(hash)"
        }
        return "the workers ended with different parameters: " + described.joined(separator: "; ")
    }

    mutating func interrupt() {
        interrupts += 1
        if phase == .running && interrupts == 1 {
            note(.notice, "interrupted: ending at the next step with a checkpoint; interrupt again to end at once")
            for member in members where member.isPresent { send(.stop, to: member.id) }
        } else if case .failing = phase {
            conclude(.failed(causes.verdict))
        } else {
            for member in members where member.isPresent {
                send(.abort(reason: "the run was interrupted"), to: member.id)
            }
            conclude(.interrupted(nil))
        }
    }

    private func clean(_ line: LogLine) -> LogLine { LogLine(line.level, printable(line.line)) }
}
