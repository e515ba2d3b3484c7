import Logging
import Messaging
import Threading

/// From the first hello to the readiness for a place.
extension CoordinatorState {
    mutating func greet(_ hello: Hello, from peer: PeerID, at now: ContinuousClock.Instant) {
        if let known = index(of: peer) { return greetAgain(hello, at: known, now: now) }
        if let problem = textProblem(peer.name) { return refuse(peer, "its id is unusable: \(problem)") }
        if hello.attachedGeneration != nil { return ask(peer, toRejoin: departures[peer]?.reason) }
        switch phase {
        case .joining, .running, .regrouping, .waiting: break
        case .ending, .failing, .concluded: return refuse(peer, "the run is ending; start it for the next run")
        }
        if let build = settings.build, build != hello.build {
            let reason =
                "its build is '\(hello.build)', but '\(build)' on the coordinator; start the same build everywhere"
            refuse(peer, reason)
            if launched.contains(peer) {
                fail(.root, worker: peer, "worker '\(peer.name)': \(reason)", at: now)
            }
            return
        }
        if let count = evictions[peer], count >= Self.evictionLimit {
            return refuse(
                peer, "it was put out of the run \(count) times: \(departures[peer]?.reason ?? "it did not answer")")
        }
        if interrupts > 0 { return refuse(peer, "the run is ending; start it for the next run") }
        let limit = phase == .joining ? settings.workers : settings.shards
        // Those of before may be gone as well as out of reach; whoever comes back too late waits for a place.
        guard members.count(where: { !$0.isAway }) < limit else {
            let remedy = phase == .joining ? "raise cluster.workers for more" : "more would have no shard to compute"
            return refuse(peer, "the run has its \(limit) workers already; \(remedy)")
        }
        members.append(Member(hello: hello, id: peer, at: now))
        actions.append(.report(.joined(peer, hello)))
        offer(to: peer)
    }

    /// A worker says hello until it is answered, so an answer may have crossed its second hello; and it says hello
    /// again when it has lost sight of the coordinator.
    private mutating func greetAgain(_ hello: Hello, at position: Int, now: ContinuousClock.Instant) {
        let member = members[position]
        var same = hello
        same.attachedGeneration = member.hello.attachedGeneration
        guard same == member.hello else {
            return note(.warning, "\(member.title) said hello again (now \(hello.host), pid \(hello.pid)); ignored")
        }
        members[position].lastHeard = now
        members[position].isAway = false
        if member.isAway { note(.info, "\(member.title) is back") }
        // Should the journal have lost the last generations: their numbers are not used again.
        generation = max(generation, hello.attachedGeneration ?? 0)
        guard let attached = hello.attachedGeneration else {
            if member.stage == .configuring { return offer(to: member.id) }
            if case .ready = member.stage { return offer(to: member.id) }
            // It has given up its place.
            lose(member.id, .consequence, { "\($0.title) joins anew\($0.place)" }, at: now)
            return greet(hello, from: member.id, at: now)
        }
        if attached < generation, member.stage == .training {
            // The order to start was lost on the way.
            if let assignment = assignment(of: position) { return send(.start(assignment), to: member.id) }
            lose(member.id, .consequence, { "\($0.title) missed the start of a generation" }, at: now)
            return ask(member.id, toRejoin: departures[member.id]?.reason)
        }
        send(.ping(recorded), to: member.id)
        if case .regrouping(let isForced, _) = phase {
            send(isForced ? .halt(reason: "the members of the run change") : .pause, to: member.id)
        }
    }

    private mutating func offer(to peer: PeerID) {
        let offer = RunOffer(
            yaml: settings.yaml, heartbeatTimeoutSeconds: settings.heartbeatTimeout.seconds,
            reattachTimeoutSeconds: settings.reattachTimeout.seconds, samples: settings.samples)
        send(.configuration(offer), to: peer)
    }

    /// Tells whoever is no member how to become one.
    mutating func ask(_ peer: PeerID, toRejoin reason: String?) {
        let reason = reason ?? "it is not among the run's workers"
        send(.rejoin(reason: reason), to: peer)
        note(.info, "peer '\(printable(peer.name))' has to join anew: \(reason)")
    }

    mutating func admit(_ readiness: Readiness, at position: Int, now: ContinuousClock.Instant) {
        let member = members[position]
        guard member.stage == .configuring else {
            // It may have said so before it was ready for this place, and missed the order to start.
            if member.stage == .training, let assignment = assignment(of: position) {
                send(.start(assignment), to: member.id)
            }
            return note(.debug, "\(member.title) said that it is ready again")
        }
        if let reference, let difference = readiness.identity.difference(from: reference.identity) {
            let reason =
                "its \(difference.name) is \(quoted(difference.mine)), but \(quoted(difference.other)) on \(reference.title), "
                + "the first worker of the run; give all workers the same \(difference.name)"
            refuse(member.id, reason)
            drop(position, .root, "\(member.title) was refused: \(reason)", at: now)
            return
        }
        if reference == nil { reference = (readiness.identity, member.title) }
        members[position].stage = .ready(steps: readiness.steps, parameterHash: readiness.parameterHash)
        note(.info, "\(member.title) is ready")
        switch phase {
        case .joining:
            if members.filter(\.isAvailable).count == settings.workers { start(at: now) }
        case .running: pauseAtBoundary(at: now)
        case .regrouping, .waiting, .ending, .failing, .concluded: break
        }
    }

    private func quoted(_ value: String?) -> String { value.map { "'\($0)'" } ?? "not given" }

    /// Takes a worker out that has no place yet: the run waits for another, or fails when nobody will start another.
    mutating func drop(
        _ position: Int, _ kind: FailureCauses.Kind, _ text: String, at now: ContinuousClock.Instant
    ) {
        let member = members[position]
        guard phase != .joining || !launched.contains(member.id) else {
            members[position].stage = .left
            return fail(kind, worker: member.id, text, at: now)
        }
        members.remove(at: position)
        guard phase == .joining else { return note(.warning, "\(text); the run goes on without it") }
        // The rest agrees with the reference, whoever it came from; with nobody left the next one sets a new one.
        if !members.contains(where: \.isAvailable) { reference = nil }
        note(.warning, "\(text); the run waits for another worker")
    }
}
