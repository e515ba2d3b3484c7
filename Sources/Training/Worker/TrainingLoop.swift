import Autograd
import Cluster
import Collectives
import Configuration
import Datasets
import Foundation
import Layers
import Messaging
import Models
import Optimizers
import Synchronization
import Tensors
import Threading

/// The steps of one generation on one worker.
///
/// All workers compute the same plan and apply the same sums, so nobody tells them what to do next: they agree on the end
/// by a tally that rides with the gradients. Confined to the work thread.
final class TrainingLoop {
    private let replica: Replica
    private let assignment: Assignment
    private let control: WorkerControl
    private let group: AllReduceGroup
    private let isStopping: () -> Bool
    private let plan: StepPlan
    private let range: Range<Int>
    private let gradients: ShardGradients
    private let update: ParameterUpdate
    private let rate: LearningRate
    private let loader: Loader
    private let evaluationLoader: Loader
    private var steps: Int
    private var samples = 0
    private var epochSamples = 0
    private var skipped = 0
    private var repeated = 0
    private var lastSnapshot: Int?

    init(
        _ replica: Replica, _ assignment: Assignment, control: WorkerControl, group: AllReduceGroup,
        isStopping: @escaping () -> Bool
    ) throws {
        self.replica = replica
        self.assignment = assignment
        self.control = control
        self.group = group
        self.isStopping = isStopping
        let configuration = replica.configuration
        plan = StepPlan(configuration, samples: replica.dataset.count(.train))
        range = group.shards[assignment.rank]
        let memory = try group.makeMemory(elements: GradientBlock.count(for: replica.model.arena))
        gradients = ShardGradients(replica, tree: group.tree, range: range, memory: memory)
        update = ParameterUpdate(replica, group, memory: memory)
        rate = LearningRate(
            configuration.optimizer.rule.learningRate, configuration.schedule, stepsPerEpoch: plan.stepsPerEpoch,
            totalSteps: plan.totalSteps)
        // Two steps ahead: while one is computed, the next is ready and the one after it is being made.
        loader = Loader(
            replica.pipeline, seed: configuration.run.seed,
            threads: configuration.data.loaderThreads, readAhead: 2 * range.count * plan.accumulate + 1,
            pool: replica.engine.memory)
        evaluationLoader = Loader(
            replica.pipeline, seed: configuration.run.seed, threads: configuration.data.loaderThreads, readAhead: 2,
            pool: replica.engine.memory)
        steps = assignment.firstStep
    }

    /// Trains to the end of the run, or until all workers know that one was asked to stop.
    func run() throws -> FinalReport {
        defer {
            loader.close()
            evaluationLoader.close()
        }
        var isStopped = false
        while steps < plan.totalSteps && !isStopped {
            let (epoch, step) = steps.quotientAndRemainder(dividingBy: plan.stepsPerEpoch)
            if step == 0 || steps == assignment.firstStep {
                loader.enqueue(plan.requests(epoch: epoch, from: step, shards: range))
            }
            isStopped = try advance(epoch: epoch)
            if steps % plan.stepsPerEpoch == 0 {
                account(fullEpoch: assignment.firstStep <= steps - plan.stepsPerEpoch)
                if !isStopped || steps == plan.totalSteps { try evaluate(epoch: epoch) }
            }
            if steps % replica.configuration.training.checkpointEverySteps == 0 { try save() }
        }
        try save()
        control.progress(step: steps, phase: .finishing)
        return FinalReport(
            isComplete: steps == plan.totalSteps, steps: steps, samples: samples, skippedSamples: skipped,
            repeatedSamples: repeated, parameterHash: try Snapshot.parameterHash(replica.model),
            peakMemoryMB: Host.peakMemoryMB)
    }

    /// Takes one step; true when the run stops after it.
    private func advance(epoch: Int) throws -> Bool {
        let start = ContinuousClock.now
        let waitedBefore = loader.timeWaited
        control.progress(step: steps, phase: .computing)
        let partials = try gradients.compute(epoch: epoch, step: steps, from: loader, isStopping: isStopping())
        control.progress(step: steps, phase: .communicating)
        let communicationStart = ContinuousClock.now
        let sum = try update.reduce(partials, step: steps)
        let communication = communicationStart.duration(to: .now)
        control.progress(step: steps, phase: .updating)
        guard sum[.loss].isFinite else { throw TrainingError.notFinite(step: steps, epoch: epoch) }
        let learningRate = rate.at(steps)
        update.apply(learningRate: learningRate)
        let count = Int(sum[.samples])
        samples += count
        epochSamples += count
        if assignment.rank == 0 {
            let data = loader.timeWaited - waitedBefore
            let whole = start.duration(to: .now)
            control.report(
                .step(
                    StepReport(
                        epoch: epoch, step: steps, stepsPerEpoch: plan.stepsPerEpoch, totalSteps: plan.totalSteps,
                        samples: count, lossSum: Double(sum[.loss]), lossWeight: Double(sum[.lossWeight]),
                        correct: Int(sum[.correct]), learningRate: learningRate, seconds: whole.seconds,
                        computeSeconds: (whole - communication - data).seconds,
                        communicationSeconds: communication.seconds, dataSeconds: data.seconds)))
        }
        steps += 1
        return sum[.stopRequests] > 0
    }

    /// Compares the samples that the workers together applied in the epoch at its end with the data set.
    private func account(fullEpoch: Bool) {
        if fullEpoch {
            skipped += max(0, plan.samples - epochSamples)
            repeated += max(0, epochSamples - plan.samples)
        }
        epochSamples = 0
    }

    private func evaluate(epoch: Int) throws {
        control.progress(step: steps, phase: .evaluating)
        let evaluation = Evaluation(replica: replica, loader: evaluationLoader)
        let chunks = try evaluation.chunks(rank: assignment.rank, workers: assignment.members.count)
        control.report(
            .evaluation(EvaluationReport(epoch: epoch, chunkCount: evaluation.chunkCount, chunks: chunks)))
    }

    /// Sends a checkpoint to the coordinator, unless this step's is there already.
    private func save() throws {
        guard assignment.rank == 0, lastSnapshot != steps else { return }
        lastSnapshot = steps
        control.progress(step: steps, phase: .saving)
        let snapshot = try Snapshot(replica, step: steps, epoch: steps / plan.stepsPerEpoch, samples: samples)
        for (index, file) in snapshot.files.enumerated() {
            for start in stride(from: 0, to: file.bytes.count, by: Self.partBytes) {
                let end = min(start + Self.partBytes, file.bytes.count)
                let part = CheckpointPart(
                    file: file.name, step: steps, offset: start, totalBytes: file.bytes.count,
                    isLast: index == snapshot.files.count - 1 && end == file.bytes.count)
                control.report(.checkpointPart(part, Frame(file.bytes[start..<end])))
            }
        }
    }

    /// Bytes of a checkpoint in one message: heartbeats pass between them.
    private static let partBytes = 4 << 20
}
