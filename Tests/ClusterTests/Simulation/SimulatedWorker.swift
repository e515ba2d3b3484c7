import Cluster
import Messaging
import Tensors

/// A worker process and its replica, which is a hash.
struct SimulatedWorker {
    var state: WorkerState
    var steps = 0
    var hash = History.hash(after: 0)
    var assignment: Assignment?
    /// Grows whenever the work thread is given something else to do.
    var attempt = 0
    var isFrozen = false
    /// Has no connection to the coordinator.
    var isCut = false
    var connection = 0
    var isPausing = false
    var isWaiting = false
    /// Evaluates, or waits until all have done so.
    var isEvaluating = false
    var evaluatedEpochs = 0
    var isCorrupt = false
}

/// What the members of a generation have brought to the sum of one step.
struct SimulatedRound {
    let step: Int
    var shards: [Int: Range<Int>] = [:]
    var pauses = false
}

extension SimulatedRun {
    /// What a worker's work thread does next.
    enum Task {
        case configure
        case compute
        case evaluate
        case complain(suspects: [Int])
    }

    /// Starts a new worker process.
    mutating func bear() {
        let worker = nextWorker
        nextWorker += 1
        let hello = Hello(
            build: "1", host: "alpha", pid: Int32(worker + 1000), threads: 1, kernels: "k", blasCore: "b",
            dataAddress: "", stateAddress: "")
        let state = WorkerState(.init(hello: hello, coordinator: "hub", joinTimeout: .seconds(300)), at: now)
        workers[worker] = SimulatedWorker(state: state)
        if coordinator != nil { connect(worker) }
    }

    mutating func tell(_ worker: Int, _ event: WorkerState.Event) {
        guard let actions = workers[worker]?.state.handle(event, at: now) else { return }
        for action in actions {
            switch action {
            case .send(let envelope, let payload): deliver(envelope, payload, from: worker)
            case .configure: schedule(.work(worker, .configure, attempt: begin(worker)), in: delay(upTo: 800))
            case .start(let assignment): start(worker, assignment)
            case .requestPause(let generation):
                guard workers[worker]?.assignment?.generation == generation else { break }
                workers[worker]?.isPausing = true
                if workers[worker]?.isEvaluating == true { giveUpEvaluation(worker) }
            case .cancel(let generation, _):
                guard let current = workers[worker]?.assignment?.generation, current <= generation else { break }
                pause(worker, in: delay(upTo: 100))
            case .confirm(let epoch): confirm(worker, epoch)
            case .requestCheckpoint: break
            case .sendCheckpoint: save(worker)
            case .finish(let savesCheckpoint):
                if savesCheckpoint { save(worker) }
                let report = finalReport(worker)
                schedule(.toWorker(worker, .finished(report), connection: 0), in: delay(upTo: 50))
            case .conclude(let outcome):
                leave(worker)
                // Somebody starts it again, as a supervisor does.
                if case .refused = outcome { schedule(.born, in: .seconds(2)) }
            }
        }
    }

    /// Gives the work thread something else to do.
    private mutating func begin(_ worker: Int) -> Int {
        workers[worker]?.attempt += 1
        workers[worker]?.isWaiting = false
        workers[worker]?.isEvaluating = false
        return workers[worker]?.attempt ?? 0
    }

    private mutating func start(_ worker: Int, _ assignment: Assignment) {
        workers[worker]?.assignment = assignment
        workers[worker]?.isPausing = false
        workers[worker]?.evaluatedEpochs = assignment.evaluatedEpochs
        let attempt = begin(worker)
        for taker in assignment.needy where assignment.donor(of: taker) == assignment.rank {
            let event = Event.stateArrives(
                Self.number(assignment.members[taker].id), generation: assignment.generation,
                steps: workers[worker]?.steps ?? 0, hash: workers[worker]?.hash ?? 0)
            schedule(event, in: delay(upTo: 300))
        }
        if assignment.needy.contains(assignment.rank) {
            workers[worker]?.isWaiting = true
        } else {
            goOn(worker, attempt)
        }
    }

    mutating func takeState(_ worker: Int, generation: Int, steps: Int, hash: UInt64) {
        guard let assignment = workers[worker]?.assignment, assignment.generation == generation,
            assignment.needy.contains(assignment.rank), workers[worker]?.isWaiting == true
        else { return }
        if steps != assignment.firstStep {
            history.violate("a state of step \(steps) came for \(assignment.firstStep)")
        }
        // A giver whose memory changes in the last moment gives that away; the next comparison finds both.
        let isCorrupt = history.faults["corrupt"] != nil && hash != History.hash(after: steps)
        if isCorrupt { history.gaveAway() } else { history.holds(hash, after: steps, worker: worker) }
        workers[worker]?.steps = steps
        workers[worker]?.hash = hash
        workers[worker]?.isCorrupt = isCorrupt
        goOn(worker, begin(worker))
    }

    /// Evaluates, finishes, or computes the next step.
    private mutating func goOn(_ worker: Int, _ attempt: Int) {
        guard let target = workers[worker], let assignment = target.assignment else { return }
        if target.steps > 0, target.steps % plan.stepsPerEpoch == 0,
            target.steps / plan.stepsPerEpoch > target.evaluatedEpochs
        {
            workers[worker]?.isEvaluating = true
            if target.isPausing { return giveUpEvaluation(worker) }
            return schedule(.work(worker, .evaluate, attempt: attempt), in: delay(upTo: 200))
        }
        let isDue = target.steps / plan.checkpointEvery > assignment.savedStep / plan.checkpointEvery
        if assignment.rank == 0 && (isDue || target.steps == plan.steps) { save(worker) }
        if target.steps == plan.steps { return tell(worker, .finished(finalReport(worker))) }
        schedule(.work(worker, .compute, attempt: attempt), in: .milliseconds(10) + delay(upTo: 90))
    }

    mutating func perform(_ task: Task, _ worker: Int) {
        guard let target = workers[worker] else { return }
        switch task {
        case .configure:
            tell(worker, .configured(Readiness(sameIdentity, steps: target.steps, parameterHash: "\(target.hash)")))
        case .compute:
            guard let assignment = target.assignment else { return }
            contribute(worker, target, assignment)
        case .evaluate:
            workers[worker]?.isWaiting = true
            let epoch = target.steps / plan.stepsPerEpoch - 1
            evaluate(worker, target, epoch) { $0 }
            if target.evaluatedEpochs > epoch { goOn(worker, begin(worker)) }
        case .complain(let suspects):
            pause(worker, reason: "lost a peer", suspects: suspects)
        }
    }

    /// Reports `part` of a worker's share of the evaluation after an epoch.
    private mutating func evaluate(
        _ worker: Int, _ target: SimulatedWorker, _ epoch: Int, part: (ArraySlice<Int>) -> ArraySlice<Int>
    ) {
        guard let assignment = target.assignment else { return }
        let done = epoch == assignment.evaluatedEpochs ? Set(assignment.evaluatedChunks) : []
        let missing = (0..<plan.chunks).filter { !done.contains($0) }
        let count = assignment.members.count
        let mine = missing[assignment.rank * missing.count / count..<(assignment.rank + 1) * missing.count / count]
        let chunks = part(mine).map {
            EvaluationReport.Chunk(index: $0, count: Self.chunkSamples, correct: 1, lossSum: Double($0), lossWeight: 3)
        }
        tell(worker, .reported(.evaluation(.init(epoch: epoch, chunkCount: plan.chunks, chunks: chunks))))
    }

    /// Stops in the middle of an evaluation; what is evaluated by then counts.
    private mutating func giveUpEvaluation(_ worker: Int) {
        guard let target = workers[worker] else { return }
        let count = random.integer(below: plan.chunks)
        evaluate(worker, target, target.steps / plan.stepsPerEpoch - 1) { $0.prefix(count) }
        pause(worker, isAgreed: false)
    }

    private mutating func contribute(_ worker: Int, _ target: SimulatedWorker, _ assignment: Assignment) {
        workers[worker]?.isWaiting = true
        let generation = assignment.generation
        var round = rounds[generation] ?? SimulatedRound(step: target.steps)
        // All members take the steps of a generation one after the other.
        if round.step < target.steps { round = SimulatedRound(step: target.steps) }
        if round.step != target.steps {
            history.violate("worker \(worker) computes step \(target.steps) while others take \(round.step)")
        }
        round.shards[worker] = assignment.shards[assignment.rank]
        round.pauses = round.pauses || target.isPausing
        rounds[generation] = round
        guard round.shards.count == assignment.members.count else { return }
        history.summed(Array(round.shards.values), step: round.step, generation: generation)
        for member in round.shards.keys.sorted() {
            let event = Event.sumArrives(
                member, generation: generation, step: round.step, pauses: round.pauses)
            schedule(event, in: delay(upTo: 80))
        }
    }

    mutating func apply(_ worker: Int, generation: Int, step: Int, pauses: Bool) {
        guard let target = workers[worker], target.assignment?.generation == generation, target.steps == step,
            target.isWaiting
        else { return }
        workers[worker]?.hash = History.next(target.hash, step: step)
        workers[worker]?.steps += 1
        if !target.isCorrupt { history.holds(workers[worker]?.hash ?? 0, after: step + 1, worker: worker) }
        let report = StepReport(
            epoch: step / plan.stepsPerEpoch, step: step, stepsPerEpoch: plan.stepsPerEpoch, totalSteps: plan.steps,
            samples: 8, lossSum: 1, lossWeight: 8, correct: 1, learningRate: 0.1, seconds: 0.1, computeSeconds: 0.1,
            communicationSeconds: 0, dataSeconds: 0)
        tell(worker, .reported(.step(report)))
        if plan.comparesParameters(after: step + 1) {
            let hash = "\(workers[worker]?.hash ?? 0)"
            tell(worker, .reported(.verification(Verification(steps: step + 1, parameterHash: hash))))
        }
        let attempt = begin(worker)
        if pauses { return pause(worker, isAgreed: true) }
        goOn(worker, attempt)
    }

    private mutating func confirm(_ worker: Int, _ epoch: Int) {
        guard let target = workers[worker], target.assignment != nil else { return }
        workers[worker]?.evaluatedEpochs = max(target.evaluatedEpochs, epoch + 1)
        // Who waits before the next step; not one who waits in it, or for the state of another one.
        let isBarrier = target.steps == (epoch + 1) * plan.stepsPerEpoch && target.evaluatedEpochs <= epoch
        if isBarrier && target.isWaiting { goOn(worker, begin(worker)) }
    }

    /// The work thread stands between two steps.
    private mutating func pause(
        _ worker: Int, isAgreed: Bool = false, reason: String? = nil, suspects: [Int] = [],
        in delay: Duration = .zero
    ) {
        guard let target = workers[worker] else { return }
        let pause = Pause(
            steps: target.steps, parameterHash: "\(target.hash)", isAgreed: isAgreed, reason: reason,
            suspects: suspects)
        _ = begin(worker)
        workers[worker]?.assignment = nil
        schedule(.toWorker(worker, .paused(pause), connection: 0), in: delay)
    }

    private mutating func save(_ worker: Int) {
        guard let target = workers[worker] else { return }
        sent[target.steps] = target.hash
        let part = CheckpointPart(
            file: "model", step: target.steps, offset: 0, totalBytes: 1, isFirst: true, isLast: true)
        tell(worker, .reported(.checkpointPart(part, Frame([1]))))
    }

    private func finalReport(_ worker: Int) -> FinalReport {
        let target = workers[worker]
        let isComplete =
            target?.steps == plan.steps && target?.evaluatedEpochs == plan.steps / plan.stepsPerEpoch
        return FinalReport(
            isComplete: isComplete, steps: target?.steps ?? 0, samples: 8 * (target?.steps ?? 0),
            skippedSamples: 0, repeatedSamples: 0, parameterHash: "\(target?.hash ?? 0)", peakMemoryMB: 1)
    }

    /// The process is gone.
    mutating func leave(_ worker: Int) {
        workers[worker] = nil
        if coordinator != nil {
            schedule(.toCoordinator(.disconnected(Self.peer(worker)), connection: 0), in: delay(upTo: 100))
        }
    }
}
