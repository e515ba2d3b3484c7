import Autograd
import Cluster
import Models

/// The throughput of training a reference model on random data: real workers and their all-reduce, but no loader.
///
/// This process is the worker of rank 0; it starts the others.
public struct TrainingBenchmark: Sendable {
    /// What is measured.
    public struct Result: Codable, Sendable {
        /// The measured model.
        public let model: String
        /// Worker processes, compute threads of each, and samples of a step on each.
        public let workers, threads, batch: Int
        /// The number of trainable parameters.
        public let params: Int
        /// The median time of a step in milliseconds, and the samples a second over all workers that follow from it.
        public let stepMilliseconds, samplesPerSecond: Double
        /// The mean loss of the last step.
        public let loss: Double
        /// The largest resident memory of the worker of rank 0 in MB (10⁶ bytes).
        public let peakMemoryMB: Double
        /// The median time from a worker's own gradients to the sum, waiting for other workers included.
        public let allreduceMilliseconds: Double
        /// The share of this in the time of all measured steps together, long ones included.
        public let allreduceShare: Double
        /// The median time of sums over the workers that passed while gradients were computed.
        public let hiddenMilliseconds: Double

        enum CodingKeys: String, CodingKey {
            case model, workers, threads, batch, params, loss
            case stepMilliseconds = "step_ms"
            case samplesPerSecond = "samples_per_s"
            case peakMemoryMB = "peak_rss_mb"
            case allreduceMilliseconds = "allreduce_ms"
            case allreduceShare = "allreduce_share"
            case hiddenMilliseconds = "hidden_ms"
        }
    }

    /// The run: model, loss, optimizer, engine, and of `cluster` and `training` what sizes it.
    public let configuration: RunConfiguration
    /// Steps that are measured, after `warmup` that are not.
    public let steps, warmup: Int

    /// Describes a measurement; `training.batch` counts the samples over all workers.
    public init(_ configuration: RunConfiguration, steps: Int, warmup: Int) {
        self.configuration = configuration
        self.steps = steps
        self.warmup = warmup
    }

    /// Trains as the worker of rank 0 beside processes that `arguments` starts as the others.
    ///
    /// - Parameters:
    ///   - arguments: The command line of a worker, from its rank and the addresses of all.
    ///   - times: Takes the layers' times over the measured steps.
    /// - Throws: An error that names the model, the worker or the key that fails.
    public func run(
        arguments: (_ rank: Int, _ addresses: [String]) -> [String], times: LayerTimes? = nil
    ) throws -> Result {
        let workers = configuration.cluster.workers
        let group = try BenchmarkGroup(
            configuration.allreduce, rank: 0, addresses: BenchmarkGroup.localAddresses(workers))
        let worker = try BenchmarkWorker(self, group, rank: 0, workers: workers, times: times)
        return try group.withWorkers(arguments: arguments) { try worker.run() }
    }

    /// Trains as one of the workers, which listens at its own of the `addresses`.
    ///
    /// - Parameters:
    ///   - rank: The worker's place in `addresses`.
    ///   - addresses: Those of all workers.
    ///   - times: Takes the layers' times over the measured steps.
    /// - Throws: An error that names what fails.
    public func runWorker(rank: Int, addresses: [String], times: LayerTimes? = nil) throws -> Result {
        let group = try BenchmarkGroup(configuration.allreduce, rank: rank, addresses: addresses)
        return try BenchmarkWorker(self, group, rank: rank, workers: addresses.count, times: times).run()
    }
}
