import Datasets
import Foundation
import Tensors
import Threading

/// How quickly a worker's loader makes batches of training samples, when nobody else needs the processors.
public struct LoaderBenchmark {
    /// What was measured.
    public struct Result: Codable, Sendable {
        /// The data set.
        public let data: String
        /// The loader's threads.
        public let threads: Int
        /// Samples of a batch.
        public let batch: Int
        /// Samples that were read, decoded, transformed and normalised.
        public let samples: Int
        /// Samples a second.
        public let samplesPerSecond: Double

        private enum CodingKeys: String, CodingKey {
            case data, threads, batch, samples
            case samplesPerSecond = "samples_per_s"
        }
    }

    private let pipeline: Pipeline
    private let configuration: RunConfiguration

    /// Opens the data set that `configuration` names; `environmentPath` is the value of `$CONVOY_DATA`.
    ///
    /// - Throws: When the data set cannot be opened, or its transforms do not fit.
    public init(_ configuration: RunConfiguration, environmentPath: String?) throws {
        self.configuration = configuration
        pipeline = try DatasetCatalog.pipeline(configuration.data, environmentPath: environmentPath)
    }

    /// Loads batches of `training.batch` samples, epoch after epoch, for at least `seconds`.
    ///
    /// - Throws: When a sample cannot be read.
    public func run(seconds: Double) throws -> Result {
        let batch = configuration.training.batch
        let loader = Loader(
            pipeline, seed: configuration.run.seed, threads: configuration.data.loaderThreads,
            readAhead: 2 * configuration.data.loaderThreads + 1, pool: MemoryPool())
        defer { loader.close() }
        let plan = StepPlan(configuration, pipeline.dataset)
        loader.enqueue(plan.requests(epoch: 0, from: 0, shards: 0..<1))
        // The first batch comes when the threads have started and memory was touched.
        _ = try loader.next()
        let start = ContinuousClock.now
        var (samples, epoch) = (0, 0)
        while start.duration(to: .now).seconds < seconds {
            guard let loaded = try loader.next() else {
                epoch += 1
                loader.enqueue(plan.requests(epoch: epoch, from: 0, shards: 0..<1))
                continue
            }
            samples += loaded.count
        }
        let elapsed = start.duration(to: .now).seconds
        return Result(
            data: pipeline.dataset.name, threads: configuration.data.loaderThreads, batch: batch, samples: samples,
            samplesPerSecond: Double(samples) / elapsed)
    }
}
