import Logging
import Messaging
import Threading

/// Silence, standstill, slowness and disagreement.
extension CoordinatorState {
    /// Loses workers that have said nothing for too long.
    mutating func expectSigns(at now: ContinuousClock.Instant) {
        for member in members where member.isPresent {
            let patience =
                member.isAway ? max(settings.heartbeatTimeout, Self.attachTimeout) : settings.heartbeatTimeout
            guard member.lastHeard.duration(to: now) > patience else { continue }
            switch phase {
            case .running, .ending: if case .finished = member.stage { continue }
            case .joining, .regrouping, .waiting, .failing, .concluded: break
            }
            let text = "\(member.title) sent no heartbeat for \(patience.seconds) s"
            lose(
                member.id, .root,
                { member in "\(text)\(member.place.isEmpty ? "" : "; it was last seen\(member.place)")" }, at: now)
        }
    }

    mutating func heard(_ progress: Progress, from position: Int, at now: ContinuousClock.Instant) {
        let before = members[position].progress
        if before?.step != progress.step || before?.phase != progress.phase || before?.parts != progress.parts {
            members[position].progressSince = now
        }
        members[position].progress = progress
    }

    /// Puts out workers that send heartbeats and yet stand still, when others wait for them.
    mutating func expectProgress(at now: ContinuousClock.Instant) {
        var isHalting = false
        var haltedSince: ContinuousClock.Instant?
        switch phase {
        case .running: break
        case .regrouping(let isForced, let since):
            isHalting = isForced
            if isForced { haltedSince = since }
        case .joining, .waiting, .ending, .failing, .concluded: return
        }
        let training = members.filter { $0.stage == .training && !$0.isAway }
        let still = training.filter {
            max($0.progressSince, haltedSince ?? $0.progressSince).duration(to: now) > watch.deadline
        }
        guard !still.isEmpty else { return }
        // Who waits for gradients waits for another one; who was told to halt has no excuse.
        let culprits = still.filter { isHalting || !($0.progress?.phase.isWaiting ?? false) }
        if culprits.isEmpty, still.count == training.count {
            return halt("nobody has made progress for \(watch.deadline.seconds) s", at: now)
        }
        // When all compute, the step is just long, or the host was held up.
        guard isHalting || culprits.count < training.count else { return }
        for member in culprits {
            guard let position = index(of: member.id) else { continue }
            let phase = member.progress.map { " (\($0.phase.rawValue), step \($0.step))" } ?? ""
            evict(position, "it has made no progress for \(watch.deadline.seconds) s\(phase)")
            hasLost = true
            halt("\(member.title) is stuck", at: now)
        }
    }

    /// Moves shards from slow workers to fast ones, when that is worth a pause.
    mutating func balance(at now: ContinuousClock.Instant) {
        guard settings.isRebalancing, phase == .running, now >= nextBalance else { return }
        nextBalance = now + Self.balanceInterval
        let seconds = members.filter { $0.rank != nil }.sorted { ($0.rank ?? 0) < ($1.rank ?? 0) }
            .map { $0.progress?.secondsPerShard }
        guard seconds.count == shardCounts.count,
            let better = ShardBalance.improvement(on: shardCounts, secondsPerShard: seconds)
        else { return }
        let speeds = seconds.compactMap { $0 }
        let ratio = (speeds.max() ?? 1) / max(speeds.min() ?? 1, 1e-9)
        note(
            .notice,
            "the slowest worker needs \((ratio * 10).rounded() / 10) times as long for a shard as the fastest; shards move from "
                + "\(shardCounts) to \(better)")
        pauseAtBoundary(at: now)
    }

    /// Compares the parameters of all members after a step.
    mutating func verify(_ verification: Verification, from member: Member, at now: ContinuousClock.Instant) {
        verifications[verification.steps, default: [:]][member.id] = verification.parameterHash
        let ranked = members.filter { $0.rank != nil }
        guard let hashes = verifications[verification.steps], ranked.allSatisfy({ hashes[$0.id] != nil }) else {
            return
        }
        verifications = verifications.filter { $0.key > verification.steps }
        compare(ranked.map { ($0, hashes[$0.id] ?? "") }, after: verification.steps, at: now)
    }

    /// Compares those who stand at the furthest step, so that no wrong state is given away; false when the run fails.
    mutating func compareStanding(at now: ContinuousClock.Instant) -> Bool {
        let furthest = members.compactMap(\.steps).filter { $0 <= nextStep }.max() ?? 0
        let hashes = members.filter { $0.steps == furthest }.compactMap { member in
            member.parameterHash.map { (member: member, hash: $0) }
        }
        if compare(hashes, after: furthest, at: now) { return true }
        if case .failing = phase { return false }
        return true
    }

    /// Whether all hold the same parameters.
    ///
    /// Those that differ from most get the others' state with the next generation; without a majority the run fails.
    @discardableResult
    mutating func compare(
        _ hashes: [(member: Member, hash: String)], after steps: Int, at now: ContinuousClock.Instant
    ) -> Bool {
        let groups = Dictionary(grouping: hashes, by: \.hash)
            // The largest group first, and of equal ones that with the lowest rank.
            .sorted {
                ($1.value.count, $0.value[0].member.rank ?? 0) < ($0.value.count, $1.value[0].member.rank ?? 0)
            }
        guard groups.count > 1 else {
            agree(hashes.map(\.member.id), on: steps)
            return true
        }
        let described = groups.map { hash, group in
            "\(group.map(\.member.title).joined(separator: ", ")): \(hash)"
        }.joined(separator: "; ")
        guard groups[0].value.count * 2 > hashes.count else {
            fail(
                .root, worker: nil, "the workers hold different parameters after step \(steps): \(described)", at: now)
            return false
        }
        for (member, _) in groups.dropFirst().flatMap(\.value) {
            guard let position = index(of: member.id) else { continue }
            members[position].isSuspect = true
            note(
                .error,
                "\(member.title) holds other parameters than most after step \(steps), and takes over theirs: \(described); "
                    + "check the memory of its host")
        }
        halt("the parameters differ", at: now)
        return false
    }
}

extension Progress.Phase {
    /// Whether a worker in this phase waits for others.
    var isWaiting: Bool { self == .communicating || self == .waiting }
}
