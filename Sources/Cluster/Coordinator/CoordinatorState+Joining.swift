import Logging
import Messaging
import Threading

/// From the first hello to the start.
extension CoordinatorState {
    mutating func greet(_ hello: Hello, from peer: PeerID, at now: ContinuousClock.Instant) {
        if let known = index(of: peer) {
            // A worker says hello until it is answered, so the answer may have crossed its second hello.
            if members[known].hello == hello && members[known].stage == .configuring {
                members[known].lastHeard = now
                offer(to: peer)
            } else {
                note(
                    .warning, "\(members[known].title) said hello again (now \(hello.host), pid \(hello.pid)); ignored")
            }
            return
        }
        if let problem = textProblem(peer.name) { return refuse(peer, "its id is unusable: \(problem)") }
        switch phase {
        case .joining: break
        case .running:
            return refuse(peer, "the run is under way with its \(settings.workers) workers; start it for the next run")
        case .failing, .concluded: return refuse(peer, "the run is ending; start it for the next run")
        }
        if let build = settings.build, build != hello.build {
            let reason =
                "its build is '\(hello.build)', but '\(build)' on the coordinator; start the same build everywhere"
            refuse(peer, reason)
            if settings.launched.contains(peer) {
                fail(.root, worker: peer, "worker '\(peer.name)': \(reason)", at: now)
            }
            return
        }
        guard members.count < settings.workers else {
            return refuse(peer, "the run has its \(settings.workers) workers already; raise cluster.workers for more")
        }
        members.append(Member(hello: hello, id: peer, lastHeard: now))
        actions.append(.report(.joined(peer, hello)))
        offer(to: peer)
    }

    private mutating func offer(to peer: PeerID) {
        let timeout = settings.heartbeatTimeout.seconds
        send(.configuration(RunOffer(yaml: settings.yaml, heartbeatTimeoutSeconds: timeout)), to: peer)
    }

    mutating func admit(_ identity: Identity, at position: Int, now: ContinuousClock.Instant) {
        let member = members[position]
        guard phase == .joining, member.stage == .configuring else {
            return note(.warning, "\(member.title) said that it is ready again; ignored")
        }
        if let reference, let difference = identity.difference(from: reference.identity) {
            let reason =
                "its \(difference.name) is \(quoted(difference.mine)), but \(quoted(difference.other)) on \(reference.title), "
                + "the first worker of the run; give all workers the same \(difference.name)"
            refuse(member.id, reason)
            drop(position, .root, "\(member.title) was refused: \(reason)", at: now)
            return
        }
        if reference == nil { reference = (identity, member.title) }
        members[position].stage = .ready
        note(.info, "\(member.title) is ready")
        if members.count == settings.workers && members.allSatisfy({ $0.stage == .ready }) { start() }
    }

    private func quoted(_ value: String?) -> String { value.map { "'\($0)'" } ?? "not given" }

    /// Ranks follow the order of joining.
    private mutating func start() {
        generation += 1
        phase = .running
        for rank in members.indices {
            members[rank].rank = rank
            members[rank].stage = .training
        }
        let roster = members.indices.map { rank in
            let hello = members[rank].hello
            return Assignment.Member(
                rank: rank, id: members[rank].id, host: hello.host, pid: hello.pid, dataAddress: hello.dataAddress,
                memoryDomain: hello.memoryDomain)
        }
        for member in roster {
            let assignment = Assignment(
                generation: generation, rank: member.rank, members: roster, firstStep: settings.firstStep)
            send(.start(assignment), to: member.id)
        }
        actions.append(.report(.started(generation: generation, members: roster)))
    }

    /// Takes a worker out before the start: the run waits for another, or fails when nobody will start another.
    mutating func drop(
        _ position: Int, _ kind: FailureCauses.Kind, _ text: String, at now: ContinuousClock.Instant
    ) {
        let member = members[position]
        guard !settings.launched.contains(member.id) else {
            members[position].stage = .left
            return fail(kind, worker: member.id, text, at: now)
        }
        members.remove(at: position)
        // The rest agrees with the reference, whoever it came from; with nobody left the next one sets a new one.
        if !members.contains(where: { $0.stage == .ready }) { reference = nil }
        note(.warning, "\(text); the run waits for another worker")
    }
}
