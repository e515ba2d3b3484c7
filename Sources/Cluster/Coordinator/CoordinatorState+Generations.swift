import Logging
import Messaging
import Threading

/// How one generation of workers gives way to the next.
extension CoordinatorState {
    /// Takes up a run where another coordinator left it; its workers train meanwhile.
    mutating func takeOver(_ past: RunPast, at now: ContinuousClock.Instant) {
        generation = past.generation
        shardCounts = past.shardCounts
        // A journal that was restored from a copy may know less than the checkpoints.
        nextStep = max(past.steps, past.savedStep)
        stepsPerEpoch = past.stepsPerEpoch
        evaluatedEpochs = past.evaluatedEpochs
        recorded = JournalExtent(steps: nextStep, epochs: evaluatedEpochs)
        savedStep = past.savedStep
        reference = past.identity.map { ($0, "the workers of before") }
        let final = past.isComplete ? past.final : nil
        if let final { phase = .ending(final, until: now + Self.attachTimeout) }
        guard !past.members.isEmpty else { return }
        if final == nil { phase = .running }
        members = past.members.enumerated().map { rank, known in
            var member = Member(hello: known.hello, id: known.id, at: now)
            member.rank = rank
            member.stage = final.map { .finished($0) } ?? .training
            member.isAway = true
            return member
        }
    }

    /// Asks the members to pause after a step on which they agree; nothing is done twice.
    mutating func pauseAtBoundary(at now: ContinuousClock.Instant) {
        guard phase == .running else { return }
        phase = .regrouping(isForced: false, since: now)
        for member in members where member.stage == .training { send(.pause, to: member.id) }
    }

    /// Asks the members to give up the step under way.
    mutating func halt(_ reason: String, at now: ContinuousClock.Instant) {
        switch phase {
        case .running, .regrouping(isForced: false, _): break
        case .joining, .regrouping, .waiting, .ending, .failing, .concluded: return
        }
        phase = .regrouping(isForced: true, since: now)
        brokenSince = brokenSince ?? now
        for member in members where member.stage == .training { send(.halt(reason: reason), to: member.id) }
    }

    /// Starts the next generation once everybody stands still and enough workers are there.
    mutating func regroup(at now: ContinuousClock.Instant) {
        switch phase {
        case .regrouping:
            guard !members.contains(where: { $0.stage == .training }) else { return }
            evictSuspect()
        case .waiting: break
        case .joining, .running, .ending, .failing, .concluded: return
        }
        if members.filter({ $0.isAvailable && $0.rank != nil }).count < settings.minWorkers,
            let leaver = members.first(where: { $0.isLeaving && $0.steps != nil })
        {
            // Whoever leaves now would leave nobody behind to keep what was learnt.
            note(.warning, "\(leaver.title) was asked to end, and too few workers would remain")
            interrupts = max(interrupts, 1)
        }
        if interrupts == 0 { dismissLeavers() }
        guard compareStanding(at: now) else { return }
        if interrupts > 0 { return stop(at: now) }
        let available = members.filter(\.isAvailable)
        if available.count >= settings.minWorkers {
            // What nobody has any more may be on its way to the disk; going back further would leave a checkpoint ahead.
            if gate.passedStep > savedStep, !available.contains(where: { $0.steps == nextStep }) {
                return waitForDisk(at: now)
            }
            awaitsDiskSince = nil
            return start(at: now)
        }
        guard canGrow else {
            return fail(
                .consequence, worker: nil,
                "only \(available.count) of at least \(settings.minWorkers) workers are left, and nobody starts others",
                at: now)
        }
        if case .waiting = phase { return }
        phase = .waiting(since: now)
        note(
            .warning,
            "paused: \(available.count) of at least \(settings.minWorkers) workers are there; start more with convoy worker"
        )
        // Should those who are left go too before others come, what they learnt since the last checkpoint remains.
        if let holder = available.first(where: { $0.steps == nextStep }), savedStep < nextStep {
            send(.save, to: holder.id)
        }
    }

    private mutating func waitForDisk(at now: ContinuousClock.Instant) {
        let since = awaitsDiskSince ?? now
        awaitsDiskSince = since
        // There are workers enough.
        phase = .regrouping(isForced: true, since: since)
        guard since.duration(to: now) >= Self.saveTimeout else { return }
        fail(
            .root, worker: nil,
            "the checkpoint of step \(gate.passedStep) did not reach the disk within \(Self.saveTimeout.seconds) s, and no "
                + "worker is as far; mend the disk, then go on with convoy resume", at: now)
    }

    /// Whether other workers may still come: over the network anybody, else those that were launched and live.
    private var canGrow: Bool {
        launched.isEmpty || launched.subtracting(exited).count >= settings.minWorkers
    }

    /// Gives all available workers a place, and has them go on at the furthest step that one of them has applied.
    mutating func start(at now: ContinuousClock.Instant) {
        let places = members.indices.filter { members[$0].isAvailable }.prefix(settings.shards)
        // Who has more than is written down was away while the run went back; it takes those steps again with the others.
        let furthest = max(places.compactMap { members[$0].steps }.filter { $0 <= nextStep }.max() ?? 0, savedStep)
        if furthest < nextStep { rewind(to: furthest) }
        generation += 1
        verifications = [:]
        gate.begin(at: furthest)
        causes = FailureCauses()
        hasLost = false
        phase = .running
        nextBalance = now + Self.balanceInterval
        for position in members.indices { members[position].rank = nil }
        for (rank, position) in places.enumerated() { members[position].rank = rank }
        shardCounts = ShardBalance.counts(
            shards: settings.shards, secondsPerShard: places.map { members[$0].progress?.secondsPerShard })
        let roster = places.map { position in
            let member = members[position]
            return Assignment.Member(
                rank: member.rank ?? 0, id: member.id, host: member.hello.host, pid: member.hello.pid,
                dataAddress: member.hello.dataAddress, memoryDomain: member.hello.memoryDomain,
                stateAddress: member.hello.stateAddress, steps: member.steps)
        }
        let start = Assignment(
            generation: generation, rank: 0, members: roster, shardCounts: shardCounts, firstStep: furthest,
            evaluatedEpochs: evaluatedEpochs, evaluatedChunks: evaluation?.present ?? [], savedStep: savedStep)
        roll = start
        let hellos = places.map { RunPast.Member(id: members[$0].id, hello: members[$0].hello) }
        actions.append(.report(.started(start, hellos, reference?.identity)))
        // No generation begins before its number is on the disk, so none has the same one after a restart.
        record()
        for (rank, position) in places.enumerated() {
            members[position].stage = .training
            members[position].isSuspect = false
            members[position].progressSince = now
            var assignment = start
            assignment.rank = rank
            send(.start(assignment), to: members[position].id)
        }
    }

    /// The place of the member at `position` in the generation under way.
    func assignment(of position: Int) -> Assignment? {
        guard var assignment = roll, let rank = members[position].rank else { return nil }
        assignment.rank = rank
        return assignment
    }

    /// Forgets what was reported of steps that will be taken again.
    private mutating func rewind(to step: Int) {
        note(.warning, "no worker has the state of step \(nextStep); going back to step \(step)")
        nextStep = step
        evaluation = nil
        if let stepsPerEpoch { evaluatedEpochs = min(evaluatedEpochs, step / stepsPerEpoch) }
        recorded.steps = min(recorded.steps, step)
        recorded.epochs = min(recorded.epochs, evaluatedEpochs)
        actions.append(.report(.rewound(to: step)))
    }

    /// Ends a run that was asked to stop: with a checkpoint if everybody stands at the same step.
    private mutating func stop(at now: ContinuousClock.Instant) {
        let standing = members.indices.filter { members[$0].rank != nil && members[$0].steps != nil }
        guard let saver = standing.first else {
            for member in members { send(.abort(reason: "the run was interrupted"), to: member.id) }
            return conclude(.interrupted(nil))
        }
        guard Set(standing.map { members[$0].steps }).count == 1, !members.contains(where: \.isSuspect) else {
            // Some have to take over the state of others; then all stop.
            start(at: now)
            return pauseAtBoundary(at: now)
        }
        phase = .running
        for position in standing {
            let isMissing = max(savedStep, gate.passedStep) < members[saver].steps ?? 0
            send(.conclude(savesCheckpoint: position == saver && isMissing), to: members[position].id)
            members[position].stage = .training
            members[position].progressSince = now
        }
    }

    private mutating func dismissLeavers() {
        for member in members where member.isLeaving && member.steps != nil {
            note(.notice, "\(member.title) leaves the run as it was asked to; the others go on")
            exited.insert(member.id)
            send(.goodbye, to: member.id)
        }
        members.removeAll { $0.isLeaving && $0.steps != nil }
    }

    /// When nobody is lost and yet workers waited for one in vain, the link between them is broken: the one that is
    /// accused most often goes, of equals the one with the highest rank.
    private mutating func evictSuspect() {
        var accusations: [Int: Int] = [:]
        for member in members {
            if case .paused(let pause) = member.stage, member.rank != nil {
                for suspect in pause.suspects where suspect != member.rank { accusations[suspect, default: 0] += 1 }
            }
        }
        let worst = accusations.filter { suspect, _ in members.contains { $0.rank == suspect } }
            .max { ($0.value, $0.key) < ($1.value, $1.key) }
        guard !hasLost, let worst, let position = members.firstIndex(where: { $0.rank == worst.key }) else { return }
        evict(position, "\(worst.value) other workers could not exchange gradients with it")
    }

    /// Ends a membership; the worker may join anew, a few times.
    mutating func evict(_ position: Int, _ reason: String) {
        let member = members.remove(at: position)
        departures[member.id] = (member, reason)
        evictions[member.id, default: 0] += 1
        note(.warning, "\(member.title) is put out of the run: \(reason)")
        send(.rejoin(reason: reason), to: member.id)
    }
}
