import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("All-reduce of runs")
    struct AllReduceTests {
        /// Six steps of a network whose gradients make several buckets.
        private static let keys = [
            "training.batch=32", "training.shards=4", "data.limit=192", "training.epochs=1", "allreduce.bucket_mb=0.2",
            "cluster.heartbeat_timeout_s=1",
        ]

        private func hash(
            _ sandbox: Sandbox, workers: Int, _ name: String, _ more: [String] = [], faults: String? = nil
        ) throws -> String? {
            let process = try sandbox.finish(
                sandbox.training(workers: workers, "run.name=\(name)") + Self.keys + more, faults: faults)
            #expect(try process.end() == .status(0), "\(name): \(process.standardError)")
            let result = try sandbox.run(named: name).result
            #expect(result.losses == [0, 0, 0] && result.extent == [1, 6, 192], "\(name)")
            return result.parameterHash
        }

        @Test("sums that overlap with backward give the same bits, over sockets and in shared memory")
        func overlap() throws {
            try Sandbox.with { sandbox in
                let alone = try hash(sandbox, workers: 1, "alone")
                let sockets = "allreduce.shared_memory=false"
                #expect(try hash(sandbox, workers: 2, "sockets", [sockets]) == alone)
                #expect(try hash(sandbox, workers: 3, "late", [sockets, "allreduce.overlap=never"]) == alone)
                #expect(try hash(sandbox, workers: 2, "memory", ["allreduce.overlap=always"]) == alone)
                // How much is hidden is a matter of time; that sums begin early is tested with `BucketReduction`.
                #expect(try sandbox.run(named: "sockets").steps.allSatisfy { $0.hiddenSeconds >= 0 })
                #expect(try sandbox.run(named: "late").steps.allSatisfy { $0.hiddenSeconds == 0 })
            }
        }

        @Test("low-rank factors give the same bits for any number of workers")
        func powerSGD() throws {
            try Sandbox.with { sandbox in
                let keys = ["allreduce.compression=power_sgd", "allreduce.rank=3"]
                let alone = try hash(sandbox, workers: 1, "alone", keys)
                #expect(try alone != hash(sandbox, workers: 1, "exact"))
                #expect(try hash(sandbox, workers: 3, "three", keys) == alone)
                #expect(try hash(sandbox, workers: 2, "sockets", keys + ["allreduce.shared_memory=false"]) == alone)
            }
        }

        @Test(
            "a worker that is killed in the middle of a sum leaves nothing behind, and nothing is lost",
            arguments: [[], ["allreduce.shared_memory=false"]])
        func killed(keys: [String]) throws {
            try Sandbox.with { sandbox in
                // Behind the first of several buckets, while the others are in the second.
                let calm = try hash(sandbox, workers: 1, "calm")
                #expect(try hash(sandbox, workers: 3, "killed", keys, faults: "reduce:kill@3#worker-1") == calm)
                #expect(try sandbox.run(named: "killed").result.generations == 2)
            }
        }

        @Test("compression with memory says that a change of members changes the course of the run")
        func memoryLost() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    sandbox.training(workers: 3) + Self.keys + ["allreduce.compression=power_sgd"],
                    faults: "reduce:kill@3#worker-1")
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let log = try sandbox.run().text("logs/worker-0.log")
                #expect(
                    log.contains(
                        "allreduce.compression=power_sgd begins anew at step 3: the parameters will not be those of a "
                            + "run whose members never changed"))
            }
        }

        @Test(
            "when all processes of a sum are killed nothing is left",
            arguments: [[], ["allreduce.shared_memory=false"]])
        func allKilled(keys: [String]) throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(
                    ["bench", "allreduce", "--workers", "3", "--bytes", "4096,67108864", "--json"] + keys)
                // The first size is through: the processes are in sums of the second one, or about to be.
                _ = try process.line(holding: "\"bytes\":4096")
                process.signal(SIGKILL)
                #expect(try process.end(within: .seconds(5)) == .signal(SIGKILL))
            }
        }
    }
}
