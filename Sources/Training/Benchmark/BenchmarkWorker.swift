import Autograd
import Cluster
import Collectives
import Datasets
import Foundation
import Models
import Optimizers
import Threading

/// One worker of a training benchmark.
///
/// Confined to one thread.
final class BenchmarkWorker {
    private let benchmark: TrainingBenchmark
    private let replica: Replica
    private let samples: RandomSamples
    private let group: BenchmarkGroup
    private let times: LayerTimes?

    init(
        _ benchmark: TrainingBenchmark, _ group: BenchmarkGroup, rank: Int, workers: Int, times: LayerTimes? = nil
    ) throws {
        self.benchmark = benchmark
        self.group = group
        self.times = times
        let configuration = benchmark.configuration
        samples = try RandomSamples(
            model: configuration.model.name, count: configuration.training.batch / workers, seed: UInt64(rank))
        replica = try Replica(configuration, threads: configuration.cluster.threads, pipeline: try Pipeline(samples))
    }

    /// Takes all steps.
    func run() throws -> TrainingBenchmark.Result {
        defer { group.close() }
        let allreduce = group.allreduce
        let memory = try allreduce.makeMemory(
            elements: GradientBlock.count(for: replica.model.arena),
            overwritesPartials: replica.configuration.allreduce.compression != .powerSGD,
            isInBackground: replica.configuration.allreduce.overlaps(allreduce))
        let gradients = ShardGradients(
            replica, tree: allreduce.tree, range: allreduce.shards[allreduce.rank], memory: memory, times: times)
        let update = ParameterUpdate(replica, allreduce, gradients, memory: memory)
        var stepTimes: [Double] = []
        var allreduceTimes: [Double] = []
        var hiddenTimes: [Double] = []
        var loss = 0.0
        for step in 0..<benchmark.warmup + benchmark.steps {
            if step == benchmark.warmup { times?.removeAll() }
            let start = ContinuousClock.now
            let partials = try gradients.compute(
                epoch: 0, step: step, from: samples, isStopping: false, onFinal: update.begin(step: step))
            let reduceStart = ContinuousClock.now
            let sum = try update.reduce(partials)
            let reduceEnd = ContinuousClock.now
            update.apply(learningRate: replica.configuration.optimizer.rule.learningRate)
            loss = Double(sum[.loss] * sum.meanFactor)
            if step >= benchmark.warmup {
                stepTimes.append(start.duration(to: .now).seconds * 1e3)
                allreduceTimes.append(reduceStart.duration(to: reduceEnd).seconds * 1e3)
                hiddenTimes.append(update.hidden.seconds * 1e3)
            }
        }
        let configuration = replica.configuration
        let stepTime = stepTimes.median
        return TrainingBenchmark.Result(
            model: configuration.model.name, workers: configuration.cluster.workers,
            threads: configuration.cluster.threads, batch: samples.count(.train),
            params: replica.model.arena.trainableCount, stepMilliseconds: stepTime,
            samplesPerSecond: Double(configuration.training.batch) / stepTime * 1e3, loss: loss,
            peakMemoryMB: Host.peakMemoryMB, allreduceMilliseconds: allreduceTimes.median,
            allreduceShare: allreduceTimes.reduce(0, +) / stepTimes.reduce(0, +), hiddenMilliseconds: hiddenTimes.median
        )
    }
}

extension [Double] {
    /// The middle value, or the mean of the two middle ones; 0 of nothing.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
