import ArgumentParser
import Foundation
import Training

/// Measures the loader.
struct BenchDataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Measures how quickly samples of the configured data set are read, decoded and transformed.")

    @OptionGroup var source: ConfigurationOptions

    @Option(name: .long, help: "How long to measure.")
    var seconds = 5.0

    @Flag(name: .long, help: "A JSON object on standard output.")
    var json = false

    func validate() throws {
        guard (0.01...3600).contains(seconds) else {
            throw ValidationError("--seconds must be between 0.01 and 3600, found \(seconds)")
        }
    }

    func run() throws {
        // One shard is a whole batch.
        let benchmark = try LoaderBenchmark(
            source.configuration(["training.shards=1", "cluster.workers=1", "training.accumulate=1"]),
            environmentPath: ProcessInfo.processInfo.environment["CONVOY_DATA"])
        let result = try benchmark.run(seconds: seconds)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(result), as: UTF8.self))
        }
        print(
            "\(result.data): " + String(format: "%.1f", result.samplesPerSecond)
                + " samples/s with \(result.threads) loader threads, batches of \(result.batch)")
    }
}
