import ArgumentParser
import Autograd
import Cluster
import Configuration
import Foundation
import Threading
import Training

/// Measures training throughput on random data.
struct BenchTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Measures the training throughput of a model on random data.",
        discussion: """
            Without --addresses all workers are processes of this host. To measure between hosts, start one worker on each \
            with the same --addresses and a --rank of its own; rank 0 reports.
            """)

    @Option(name: .long, help: "The model, as in model.name.")
    var model = "simple_cnn"

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Option(name: .long, help: "Compute threads of each worker.")
    var threads = 1

    @Option(name: .long, help: "Samples of a step on each worker.")
    var batch = 64

    @Option(name: .long, help: "Steps that count.")
    var steps = 20

    @Option(name: .long, help: "Steps before those that count.")
    var warmup = 3

    @Flag(name: .long, help: "One JSON object on standard output.")
    var json = false

    @Flag(name: .long, help: "Time of each layer, forward and backward.")
    var profile = false

    @Option(name: .long, help: "The addresses of all workers, as in tcp://a:5000,tcp://b:5000.")
    var addresses: String?

    @Option(name: .long, help: "The place of this worker in --addresses.")
    var rank = 0

    @Option(name: .customLong("parent-pid"), help: .hidden)
    var parentPID: Int32?

    @Argument(help: "Keys to set, as in engine.convolution=direct.")
    var overrides: [String] = []

    func validate() throws {
        for (name, value) in [("workers", workers), ("threads", threads), ("batch", batch), ("steps", steps)]
        where value < 1 {
            throw ValidationError("--\(name) must be at least 1, found \(value)")
        }
        if let addresses, !addresses.split(separator: ",").indices.contains(rank) {
            throw ValidationError("--rank \(rank) is not one of the --addresses")
        }
        guard warmup >= 0 else { throw ValidationError("--warmup must be at least 0, found \(warmup)") }
    }

    func run() throws {
        let addresses = addresses?.split(separator: ",").map(String.init)
        let workers = addresses?.count ?? workers
        let keys = [
            "model.name=\(model)", "cluster.workers=\(workers)", "cluster.threads=\(threads)",
            "training.batch=\(workers * batch)", "optimizer.learning_rate=0.001",
        ]
        let benchmark = TrainingBenchmark(
            try RunConfiguration.defaults(overrides: keys + overrides), steps: steps, warmup: warmup)
        if let parentPID { try ParentWatch.dieWithParent(pid: parentPID) }
        let times = profile && rank == 0 ? LayerTimes() : nil
        if let addresses {
            let result = try benchmark.runWorker(rank: rank, addresses: addresses, times: times)
            if rank == 0 { try show(result, times) }
            return
        }
        let arguments = [Host.program] + CommandLine.arguments.dropFirst()
        let result = try benchmark.run(
            arguments: { rank, addresses in
                arguments + [
                    "--rank", "\(rank)", "--addresses", addresses.joined(separator: ","), "--parent-pid",
                    "\(getpid())",
                ]
            }, times: times)
        try show(result, times)
    }

    private func show(_ result: TrainingBenchmark.Result, _ times: LayerTimes?) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(result), as: UTF8.self))
        } else {
            print(
                String(
                    format: """
                        %@: %.1f samples/s, step %.2f ms of which all-reduce %.2f ms and %.2f ms behind backward, peak \
                        memory %.0f MB
                        """,
                    result.model, result.samplesPerSecond, result.stepMilliseconds, result.allreduceMilliseconds,
                    result.hiddenMilliseconds, result.peakMemoryMB))
        }
        if let times { printProfile(times) }
    }

    /// One line a layer, the largest first; JSON lines with --json.
    private func printProfile(_ times: LayerTimes) {
        let entries = times.entries.map { entry in
            (
                layer: entry.layer, forward: entry.forward.seconds / Double(steps) * 1e3,
                backward: entry.backward.seconds / Double(steps) * 1e3
            )
        }
        for entry in entries.sorted(by: { $0.forward + $0.backward > $1.forward + $1.backward }) {
            print(
                json
                    ? String(
                        format: #"{"layer":"%@","forward_ms":%.3f,"backward_ms":%.3f}"#, entry.layer, entry.forward,
                        entry.backward)
                    : String(format: "%8.3f ms forward %8.3f ms backward  ", entry.forward, entry.backward)
                        + entry.layer)
        }
    }
}
