import Autograd
import Cluster
import Collectives
import Datasets
import Foundation
import Messaging
import Models
import Optimizers
import Threading

/// One worker of a training benchmark.
///
/// Confined to one thread, but for `cancel`.
final class BenchmarkWorker: @unchecked Sendable {  // Other threads only cancel the group, which allows it.
    private let benchmark: TrainingBenchmark
    private let replica: Replica
    private let samples: RandomSamples
    private let transport: ZeroMQTransport
    private let group: AllReduceGroup
    private let times: LayerTimes?

    /// The name of the worker of a rank.
    static func id(_ rank: Int) -> PeerID { PeerID(stringLiteral: "worker-\(rank)") }

    init(_ benchmark: TrainingBenchmark, rank: Int, addresses: [String], times: LayerTimes? = nil) throws {
        self.benchmark = benchmark
        self.times = times
        let configuration = benchmark.configuration
        let workers = addresses.count
        samples = try RandomSamples(
            model: configuration.model.name, count: configuration.training.batch / workers, seed: UInt64(rank))
        replica = try Replica(configuration, threads: configuration.cluster.threads, pipeline: try Pipeline(samples))
        let members = addresses.indices.map(Self.id)
        transport = try ZeroMQTransport(id: members[rank], listeningAt: addresses[rank])
        for (peer, address) in addresses.enumerated() where peer != rank {
            try transport.connect(to: members[peer], at: address)
        }
        group = AllReduceGroup(
            mailbox: SegmentMailbox(transport: transport, runID: 0), rank: rank, members: members,
            names: members.map(\.name), generation: 1,
            algorithm: try AlgorithmCatalog.algorithm(named: configuration.allreduce.algorithm, ranks: workers),
            shards: ShardTree(shards: workers).evenRanges(workers: workers),
            deadline: configuration.allreduce.timeout)
    }

    /// Makes the wait for other workers throw; from any thread.
    func cancel(reason: String) { group.cancel(reason: reason) }

    /// Takes all steps.
    func run() throws -> TrainingBenchmark.Result {
        defer { transport.close() }
        let gradients = ShardGradients(
            replica, tree: group.tree, range: group.shards[group.rank], times: times)
        let update = ParameterUpdate(replica, group)
        var stepTimes: [Double] = []
        var allreduceTimes: [Double] = []
        var loss = 0.0
        for step in 0..<benchmark.warmup + benchmark.steps {
            if step == benchmark.warmup { times?.removeAll() }
            let start = ContinuousClock.now
            let partials = try gradients.compute(epoch: 0, step: step, from: samples, isStopping: false)
            let reduceStart = ContinuousClock.now
            let sum = try update.reduce(partials, step: step)
            let reduceEnd = ContinuousClock.now
            update.apply(learningRate: replica.configuration.optimizer.learningRate)
            loss = Double(sum[.loss] / sum[.samples])
            if step >= benchmark.warmup {
                stepTimes.append(start.duration(to: .now).seconds * 1e3)
                allreduceTimes.append(reduceStart.duration(to: reduceEnd).seconds * 1e3)
            }
        }
        let configuration = replica.configuration
        let stepTime = stepTimes.median
        return TrainingBenchmark.Result(
            model: configuration.model.name, workers: configuration.cluster.workers,
            threads: configuration.cluster.threads, batch: samples.count(.train),
            params: replica.model.arena.trainableCount, stepMilliseconds: stepTime,
            samplesPerSecond: Double(configuration.training.batch) / stepTime * 1e3, loss: loss,
            peakMemoryMB: Host.peakMemoryMB, allreduceMilliseconds: allreduceTimes.median)
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
