import ArgumentParser
import Cluster
import Configuration
import Foundation
import Training

/// Measures the all-reduce.
struct BenchAllReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allreduce", abstract: "Measures sums of float32 over worker processes, and checks them.",
        discussion: """
            Without --addresses all workers are processes of this host. To measure between hosts, start one worker on each \
            with the same --addresses and a --rank of its own; rank 0 reports.
            """)

    @Option(name: .long, help: "Worker processes.")
    var workers = 2

    @Option(name: .long, help: "Sizes in bytes, as in 1024,1048576.")
    var bytes = "1024,16384,262144,1048576,4194304,16777216,67108864,104857600"

    @Flag(name: .long, help: "One JSON object a line on standard output.")
    var json = false

    @Option(name: .long, help: "The addresses of all workers, as in tcp://a:5000,tcp://b:5000.")
    var addresses: String?

    @Option(name: .long, help: "The place of this worker in --addresses.")
    var rank = 0

    @Option(name: .customLong("parent-pid"), help: .hidden)
    var parentPID: Int32?

    @Argument(help: "Keys to set, as in allreduce.algorithm=tree.")
    var overrides: [String] = []

    func validate() throws {
        guard workers >= 1 else { throw ValidationError("--workers must be at least 1, found \(workers)") }
        _ = try sizes()
        if let addresses, !addresses.split(separator: ",").indices.contains(rank) {
            throw ValidationError("--rank \(rank) is not one of the --addresses")
        }
    }

    func run() throws {
        // As many shards as workers, whatever their number; the batch has nothing else to do with a sum.
        let keys = ["cluster.workers=\(workers)", "training.batch=\(max(workers, 128))"]
        let benchmark = AllReduceBenchmark(
            try RunConfiguration.defaults(overrides: keys + overrides).allreduce, sizes: try sizes())
        if let parentPID { try ParentWatch.dieWithParent(pid: parentPID) }
        if let addresses {
            try benchmark.runWorker(
                rank: rank, addresses: addresses.split(separator: ",").map(String.init), report: show)
            return
        }
        let arguments = [Host.program] + CommandLine.arguments.dropFirst()
        try benchmark.run(
            workers: workers,
            arguments: { rank, addresses in
                arguments + [
                    "--rank", "\(rank)", "--addresses", addresses.joined(separator: ","), "--parent-pid",
                    "\(getpid())",
                ]
            }, report: show)
    }

    private func sizes() throws -> [Int] {
        let sizes = bytes.split(separator: ",").map { Int($0) ?? 0 }
        guard !sizes.isEmpty, sizes.allSatisfy({ $0 >= 4 && $0 % 4 == 0 && $0 <= 1 << 33 }) else {
            throw ValidationError("--bytes takes multiples of 4 up to 8 GiB with commas between them, found '\(bytes)'")
        }
        return sizes
    }

    private func show(_ row: AllReduceBenchmark.Row) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var line = String(
            format: "%10d bytes  %12.1f µs  %8.3f GB/s algorithm  %8.3f GB/s bus", row.bytes, row.microseconds,
            row.algorithmBandwidth, row.busBandwidth)
        if json, let object = try? encoder.encode(row) { line = String(decoding: object, as: UTF8.self) }
        // At once, also into a pipe.
        FileHandle.standardOutput.write(Data("\(line)\n".utf8))
    }
}
