import Cluster
import Messaging
import Tensors

extension SimulatedRun {
    /// What can go wrong.
    enum Fault: String, CaseIterable {
        case kill, killSeveral, freeze, cut, crash, crashAll, crashAtEnd, join, leave, corrupt

        /// Those that take processes and connections away, and change nothing in their memory.
        static let crashes = allCases.filter { $0 != .corrupt }
    }

    mutating func bring(_ fault: Fault) {
        guard outcome == nil else { return }
        history.note(fault: fault.rawValue)
        trace("fault: \(fault.rawValue)")
        let alive = workers.keys.sorted()
        switch fault {
        case .kill: if let victim = pick(alive) { kill(victim) }
        case .killSeveral: for victim in alive where random.integer(below: 2) == 0 { kill(victim) }
        case .freeze:
            guard let victim = pick(alive) else { return }
            workers[victim]?.isFrozen = true
            schedule(.thaw(victim), in: .milliseconds(500) + delay(upTo: 5000))
        case .cut:
            guard let victim = pick(alive), workers[victim]?.isCut == false else { return }
            workers[victim]?.isCut = true
            if coordinator != nil {
                schedule(.toCoordinator(.disconnected(Self.peer(victim)), connection: 0), in: delay(upTo: 2500))
            }
            tell(victim, .coordinatorLost(reason: "cut"))
            schedule(.heal(victim), in: .milliseconds(200) + delay(upTo: 5000))
        case .crash: crash()
        case .crashAll:
            crash()
            for victim in alive { kill(victim) }
        case .crashAtEnd: diesAtEnd = true
        case .join: bear()
        case .leave:
            guard let victim = pick(alive), alive.count > plan.minWorkers + 1 else { return }
            tell(victim, .interrupt)
            schedule(.born, in: delay(upTo: 3000))
        case .corrupt:
            // With a majority of two others, and one at a time, so that it can be healed.
            guard coordinator?.memberCount ?? 0 >= 3, let victim = pick(alive),
                !workers.values.contains(where: \.isCorrupt)
            else { return }
            workers[victim]?.hash ^= 1
            workers[victim]?.isCorrupt = true
        }
    }

    private mutating func pick(_ workers: [Int]) -> Int? {
        workers.isEmpty ? nil : workers[random.integer(below: workers.count)]
    }

    /// A process dies; others may have all that it had to send, or wait for it in vain; somebody starts another one.
    private mutating func kill(_ victim: Int) {
        guard let target = workers[victim] else { return }
        leave(victim)
        schedule(.born, in: delay(upTo: 4000))
        guard let assignment = target.assignment else { return }
        // Each sum, or state, that has not arrived was still on its way, or is lost with its sender.
        var random = random
        cancel { event in
            switch event {
            case .sumArrives(_, assignment.generation, _, _): random.integer(below: 2) == 0
            case .stateArrives(_, assignment.generation, _, _): random.integer(below: 2) == 0
            default: false
            }
        }
        self.random = random
        for member in assignment.members.map({ Self.number($0.id) }) {
            guard let other = workers[member], other.assignment?.generation == assignment.generation,
                random.integer(below: 2) == 0
            else { continue }
            schedule(
                .work(member, .complain(suspects: [assignment.rank]), attempt: other.attempt),
                in: .milliseconds(100) + delay(upTo: 400))
        }
    }

    /// The run is over, unless the coordinator dies before it has written down the result.
    mutating func conclude(_ outcome: RunOutcome) {
        // Without a last checkpoint, since the disk was full, that is a fault too many.
        guard case .completed = outcome, diesAtEnd, checkpoint.step == plan.steps else {
            self.outcome = outcome
            return
        }
        diesAtEnd = false
        trace("the coordinator dies at the end")
        var random = random
        cancel { event in
            if case .toWorker(_, .received(let envelope), _) = event, envelope.message == .goodbye {
                random.integer(below: 2) == 0
            } else {
                false
            }
        }
        self.random = random
        crash()
    }

    private mutating func crash() {
        guard coordinator != nil else { return }
        coordinator = nil
        journal.lose()
        let past = journal.past(savedStep: checkpoint.step)
        history.crashed(steps: past.steps, evaluations: past.evaluatedEpochs)
        // What was about to be written is lost with it.
        cancel { if case .saved = $0 { true } else { false } }
        schedule(.coordinatorReturns, in: .milliseconds(100) + delay(upTo: 6000))
        for worker in workers.keys.sorted() { tell(worker, .coordinatorLost(reason: "crash")) }
    }
}
