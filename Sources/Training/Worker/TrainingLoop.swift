import Autograd
import Cluster
import Collectives
import Configuration
import Datasets
import Foundation
import Layers
import Logging
import Messaging
import Models
import Optimizers
import Tensors
import Threading

/// The steps of one generation on one worker.
///
/// All workers compute the same plan and apply the same sums, so nobody tells them what to do next: they agree on a pause
/// by a tally that rides with the gradients. A step is applied when its whole sum is there, or not at all; what a step
/// that was given up leaves behind is never used. Confined to the work thread.
final class TrainingLoop {
    private let replica: Replica
    private let assignment: Assignment
    private let control: WorkerControl
    private let group: AllReduceGroup
    private let orders: TrainingOrders
    private let transfer: StateTransfer
    private let failpoints: Failpoints
    private let plan: StepPlan
    private let range: Range<Int>
    private let memory: GradientMemory
    private let gradients: ShardGradients
    private let update: ParameterUpdate
    private let rate: LearningRate
    private let loader: Loader
    private let evaluationLoader: Loader
    private var evaluatedEpochs: Int
    private var savedStep: Int
    private var isCheckpointRequested = false
    private var secondsPerShard: Double?

    init(
        _ replica: Replica, _ assignment: Assignment, control: WorkerControl, group: AllReduceGroup,
        orders: TrainingOrders, transfer: StateTransfer, failpoints: Failpoints,
        log: @escaping @Sendable (Logger.Level, String) -> Void
    ) throws {
        self.replica = replica
        self.assignment = assignment
        self.control = control
        self.group = group
        self.orders = orders
        self.transfer = transfer
        self.failpoints = failpoints
        let configuration = replica.configuration
        plan = StepPlan(configuration, replica.dataset)
        range = group.shards[assignment.rank]
        memory = try group.makeMemory(
            elements: GradientBlock.count(for: replica.model.arena),
            overwritesPartials: configuration.allreduce.compression != .powerSGD,
            isInBackground: configuration.allreduce.overlaps(group))
        gradients = ShardGradients(replica, tree: group.tree, range: range, memory: memory)
        update = ParameterUpdate(replica, group, gradients, memory: memory, failpoints: failpoints)
        rate = LearningRate(
            configuration.optimizer.rule.learningRate, configuration.schedule, stepsPerEpoch: plan.stepsPerEpoch,
            totalSteps: plan.totalSteps)
        let skip: @Sendable (LoaderError) -> Void = { log(.warning, "\($0); it is left out") }
        // Two steps ahead: while one is computed, the next is ready and the one after it is being made.
        loader = Loader(
            replica.pipeline, seed: configuration.run.seed,
            threads: configuration.data.loaderThreads, readAhead: 2 * range.count * plan.accumulate + 1,
            pool: replica.engine.memory, onSkip: skip)
        evaluationLoader = Loader(
            replica.pipeline, seed: configuration.run.seed, threads: configuration.data.loaderThreads, readAhead: 2,
            pool: replica.engine.memory, onSkip: skip)
        evaluatedEpochs = assignment.evaluatedEpochs
        savedStep = assignment.savedStep
    }

    private var steps: Int { replica.place.steps }
    private var isCancelled: Bool { orders.isCancelled(assignment.generation) }

    /// Trains to the end of the run, or to a pause.
    func run() throws -> TrainingEnd {
        defer {
            loader.close()
            evaluationLoader.close()
        }
        do {
            try synchronize()
            return try train()
        } catch is Cancellation {
            return .paused(try replica.pause())
        } catch let error as CollectiveError {
            return .paused(try Self.pause(replica, after: error, assignment.members))
        }
    }

    private func train() throws -> TrainingEnd {
        var isPlanned = false
        while true {
            if steps > 0 && steps % plan.stepsPerEpoch == 0 { try evaluate() }
            try saveWhenDue()
            if steps == plan.totalSteps { break }
            let (epoch, step) = steps.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
            if step == 0 || !isPlanned {
                loader.enqueue(plan.requests(epoch: epoch, from: step, shards: range))
                isPlanned = true
            }
            if try advance(epoch: epoch) { return .paused(try replica.pause(isAgreed: true)) }
        }
        if assignment.rank == 0 && savedStep != steps { try sendCheckpoint() }
        control.progress(step: steps, phase: .finishing)
        return .finished(try replica.finalReport(isComplete: true))
    }

    /// Sends a checkpoint where the training paused.
    func save() throws { try sendCheckpoint() }

    /// Finishes where the training paused.
    func conclude(savesCheckpoint: Bool) throws -> FinalReport {
        if savesCheckpoint { try sendCheckpoint() }
        return try replica.finalReport(isComplete: steps == plan.totalSteps && evaluatedEpochs == plan.epochs)
    }

    // MARK: - State

    /// Gives this replica's state to those who need it, or takes over that of another one.
    private func synchronize() throws {
        let (members, rank) = (assignment.members, assignment.rank)
        guard assignment.needy.contains(rank) else {
            let takers = assignment.needy.filter { assignment.donor(of: $0) == rank }.map { members[$0] }
            guard !takers.isEmpty else { return }
            failpoints.pass(.transfer, step: steps)
            return try transfer.send(
                Snapshot(replica, stepsPerEpoch: plan.stepsPerEpoch), generation: assignment.generation, to: takers)
        }
        control.progress(step: steps, phase: .loading)
        failpoints.pass(.transfer, step: assignment.firstStep)
        let donor = assignment.donor(of: rank).map { members[$0].description } ?? "the coordinator"
        let snapshot = try transfer.receive(
            step: assignment.firstStep, generation: assignment.generation, from: donor,
            patience: replica.configuration.allreduce.timeout
        ) { isCancelled }
        guard let snapshot else { throw Cancellation() }
        try snapshot.restore(replica)
    }

    // MARK: - A step

    /// Takes one step; true when all pause after it.
    private func advance(epoch: Int) throws -> Bool {
        let start = ContinuousClock.now
        let waitedBefore = loader.timeWaited
        control.progress(step: steps, phase: .computing)
        failpoints.pass(.compute, step: steps)
        let isPausing = orders.isPausing(assignment.generation)
        let partials: [ShardNode: GradientBlock]
        do {
            partials = try gradients.compute(
                epoch: epoch, step: steps, from: loader, isStopping: isPausing, onFinal: update.begin(step: steps)
            ) { isCancelled }
        } catch {
            try update.giveUp()
            throw error
        }
        if failpoints.demand(.poison, at: .compute, step: steps) { partials.values.first?.base[0] = .nan }
        measure(start.duration(to: .now) - (loader.timeWaited - waitedBefore))
        control.progress(step: steps, phase: .communicating)
        let communicationStart = ContinuousClock.now
        let sum = try update.reduce(partials)
        let communication = communicationStart.duration(to: .now)
        control.progress(step: steps, phase: .updating)
        failpoints.pass(.apply, step: steps)
        let learningRate = rate.at(steps)
        let isApplied = try apply(sum, partials, epoch: epoch, learningRate: learningRate)
        failpoints.pass(.applied, step: steps - 1)
        let data = loader.timeWaited - waitedBefore
        let whole = start.duration(to: .now)
        control.report(
            .step(
                StepReport(
                    epoch: epoch, step: steps - 1, stepsPerEpoch: plan.stepsPerEpoch, totalSteps: plan.totalSteps,
                    samples: isApplied ? Int(sum[.samples]) : 0, lossSum: isApplied ? Double(sum[.loss]) : 0,
                    lossWeight: isApplied ? Double(sum[.lossWeight]) : 0, correct: isApplied ? Int(sum[.correct]) : 0,
                    learningRate: learningRate,
                    seconds: whole.seconds, computeSeconds: (whole - communication - data).seconds,
                    communicationSeconds: communication.seconds, hiddenSeconds: update.hidden.seconds,
                    dataSeconds: data.seconds)))
        if steps % plan.stepsPerEpoch == 0 { replica.place.endEpoch(of: plan.samples) }
        try verifyWhenDue()
        return sum[.stopRequests] > 0
    }

    /// Applies the sum, unless it is not finite; false when it was skipped.
    private func apply(
        _ sum: GradientBlock, _ partials: [ShardNode: GradientBlock], epoch: Int, learningRate: Double
    ) throws -> Bool {
        guard sum.isFinite(replica.engine) else {
            try refuse(sum, partials, epoch: epoch)
            replica.place.skip()
            return false
        }
        update.apply(learningRate: learningRate)
        replica.place.apply(samples: Int(sum[.samples]))
        if failpoints.demand(.flip, at: .applied, step: steps - 1) {
            let values = replica.model.arena.values
            values[0] = Float(bitPattern: values[0].bitPattern ^ 1)
        }
        return true
    }

    /// Says whose gradient is not finite; ends the run unless such steps are to be skipped.
    private func refuse(_ sum: GradientBlock, _ partials: [ShardNode: GradientBlock], epoch: Int) throws {
        let own = notFinite(sum, partials, epoch: epoch)
        if replica.configuration.training.nonFinite == .skip {
            if let own { control.report(.log(LogLine(.error, "\(own); the step is skipped"))) }
            // Who goes on writes to what others may still look at.
            return try group.meet(step: UInt64(steps), bucket: .max)
        }
        let remedy =
            "lower optimizer.learning_rate, lengthen schedule.warmup_epochs, set training.clip_norm or "
            + "training.non_finite=skip"
        if let own { throw WorkerFailure("\(own); \(remedy)", origin: .run) }
        throw WorkerFailure("the gradient of step \(steps) is not finite on another worker", origin: .consequence)
    }

    private func notFinite(
        _ sum: GradientBlock, _ partials: [ShardNode: GradientBlock], epoch: Int
    ) -> NonFiniteGradient? {
        let engine = replica.engine
        func gradient(_ affected: [ShardNode], seenIn block: (ShardNode) -> GradientBlock?) -> NonFiniteGradient? {
            NonFiniteGradient(
                affected, seenIn: block, parameters: replica.model.arena.parameters, plan: plan, epoch: epoch,
                step: steps, engine)
        }
        if let affected = memory.nodesNotFinite() { return gradient(affected) { _ in sum } }
        let inspected = gradients.inspected(partials)
        return gradient(inspected.filter { !$0.value.isFinite(engine) }.map(\.key)) { inspected[$0] }
    }

    /// Where a worker stands after an all-reduce that came to no end, and whom it waited for.
    ///
    /// - Throws: `WorkerFailure` when this process cannot go on: its memory, or its transport, is still in use.
    static func pause(
        _ replica: Replica, after error: CollectiveError, _ members: [Assignment.Member]
    ) throws -> Pause {
        let names: [String]
        switch error {
        case .cancelled: return try replica.pause()
        case .timedOut(_, _, let peers, _, _, _, _, _), .absent(_, _, let peers, _, _),
            .notTaken(_, _, let peers, _, _):
            names = peers
        case .peerLost(_, let peer, _, _, _): names = [peer]
        case .ended: names = []
        case .notSent, .transport, .differentLayout: throw WorkerFailure("\(error)")
        }
        let suspects = members.filter { names.contains($0.description) }.map(\.rank)
        return try replica.pause(reason: "\(error)", suspects: suspects)
    }

    /// Keeps a running mean of the time that a shard takes.
    private func measure(_ computing: Duration) {
        let seconds = computing.seconds / Double(range.count)
        let mean = secondsPerShard.map { 0.8 * $0 + 0.2 * seconds } ?? seconds
        secondsPerShard = mean
        control.pace(secondsPerShard: mean)
    }

    // MARK: - Between steps

    /// Whether the parameters of all workers are compared after this step; no checkpoint counts before it was.
    private var isVerificationDue: Bool {
        let training = replica.configuration.training
        return steps % training.verifyEverySteps == 0 || steps % training.checkpointEverySteps == 0
            || steps == plan.totalSteps
    }

    private func verifyWhenDue() throws {
        guard isVerificationDue, assignment.members.count > 1 else { return }
        let hash = try Snapshot.parameterHash(replica.model)
        control.report(.verification(Verification(steps: steps, parameterHash: hash)))
    }

    /// Evaluates this worker's share, unless the coordinator has it all, and waits until it has.
    ///
    /// Nobody goes on before that: the parameters of this step are needed again if a worker's share is lost with it. So
    /// all stand between the same two steps, and a pause need not wait for the end; what is evaluated by then counts.
    private func evaluate() throws {
        let epoch = steps / plan.stepsPerEpoch - 1
        guard epoch >= evaluatedEpochs else { return }
        control.progress(step: steps, phase: .evaluating)
        failpoints.pass(.evaluate, step: steps)
        let evaluation = Evaluation(replica: replica, loader: evaluationLoader)
        let done = epoch == assignment.evaluatedEpochs ? Set(assignment.evaluatedChunks) : []
        let share = try evaluation.chunks(
            rank: assignment.rank, workers: assignment.members.count, done: done
        ) { chunks in
            control.progress(step: steps, phase: .evaluating, parts: chunks)
            return orders.isPausing(assignment.generation) || isCancelled
        }
        control.report(
            .evaluation(EvaluationReport(epoch: epoch, chunkCount: evaluation.chunkCount, chunks: share.chunks)))
        guard share.isComplete else { throw Cancellation() }
        control.progress(step: steps, phase: .waiting)
        guard orders.waitForEvaluation(of: epoch, in: assignment.generation) else { throw Cancellation() }
        evaluatedEpochs = epoch + 1
    }

    /// Sends a checkpoint when one is due, was asked for, or was lost with the one who should have sent it.
    private func saveWhenDue() throws {
        let interval = replica.configuration.training.checkpointEverySteps
        if orders.takeCheckpointRequest() { isCheckpointRequested = true }
        guard assignment.rank == 0 else { return }
        if steps / interval > savedStep / interval || (isCheckpointRequested && isVerificationDue && steps > 0) {
            try sendCheckpoint()
        }
    }

    private func sendCheckpoint() throws {
        savedStep = steps
        isCheckpointRequested = false
        control.progress(step: steps, phase: .saving)
        for (part, bytes) in try Snapshot(replica, stepsPerEpoch: plan.stepsPerEpoch).parts {
            failpoints.pass(.save, step: steps)
            control.report(.checkpointPart(part, bytes))
        }
    }
}
