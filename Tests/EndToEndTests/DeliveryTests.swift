import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Delivery of samples")
    struct DeliveryTests {
        /// Two epochs of five steps each.
        private static let keys = [
            "data.name=cifar10", "data.limit=160", "training.batch=32", "training.shards=4", "training.epochs=2",
            "cluster.heartbeat_timeout_s=1",
        ]

        private func training(_ sandbox: Sandbox, _ command: String = "local", workers: Int, _ more: String...)
            -> [String]
        {
            sandbox.training(command, workers: workers) + Self.keys + more
        }

        private func hash(_ sandbox: Sandbox, _ name: String) throws -> String {
            let result = try sandbox.run(named: name).result
            #expect(result.losses == [0, 0, 0] && result.extent == [2, 10, 320], "\(name)")
            return try #require(result.parameterHash)
        }

        @Test("workers with a copy, without one, with a damaged one and with none wanted end with the same parameters")
        func everywhere() throws {
            try Sandbox.with { sandbox in
                try FakeCIFAR10(samples: 160).write(to: sandbox.path)
                let local = try sandbox.finish(training(sandbox, workers: 1, "run.name=local"))
                #expect(try local.end() == .status(0), "\(local.standardError)")
                let hash = try hash(sandbox, "local")

                let killed = try sandbox.finish(
                    training(sandbox, workers: 3, "run.name=stream", "data.delivery=stream"),
                    faults: "compute:kill@3#worker-0")
                #expect(try killed.end() == .status(0), "\(killed.standardError)")
                #expect(try self.hash(sandbox, "stream") == hash)
                #expect(try sandbox.run(named: "stream").result.generations == 2)

                let damaged = "\(sandbox.path)/damaged"
                try FakeCIFAR10(samples: 160, flippedByte: 5000).write(to: damaged)
                let team = try sandbox.startOverTCP(
                    training(sandbox, "coordinator", workers: 3, "run.name=mixed"),
                    data: [nil, sandbox.path + "/nowhere", damaged])
                for process in [team.coordinator] + team.workers {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                #expect(try self.hash(sandbox, "mixed") == hash)
                let lines = team.workers.map { process in
                    process.standardError.split(separator: "\n").filter {
                        $0.contains("samples come from the coordinator instead")
                    }
                }
                #expect(lines.map(\.count) == [0, 1, 1])
                #expect(lines[1].first?.contains("/nowhere: holds no folder 'cifar-10-batches-bin'") == true)
                #expect(lines[2].first?.contains("the copy of cifar10 differs from the coordinator's") == true)
            }
        }

        @Test("clips of like length come together for any number of workers, streamed or not, each once")
        func buckets() throws {
            try Sandbox.with { sandbox in
                let keys = [
                    "data.name=moving_shapes", "data.limit=100", "data.bucket_by_length=true", "training.epochs=1",
                    "model.layers=[{frames: [{adaptive_avg_pool2d: {out: 4}}, flatten]}, {lstm: {hidden: 8}}, "
                        + "last_output, {linear: {out: classes}}]",
                ]
                for (name, workers, delivery) in [("one", 1, "local"), ("two", 2, "stream")] {
                    let process = try sandbox.finish(
                        training(sandbox, workers: workers, "run.name=\(name)", "data.delivery=\(delivery)") + keys)
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                    let run = try sandbox.run(named: name)
                    #expect(try run.result.extent == [1, 4, 100] && run.epochs.map(\.testSamples) == [1000])
                }
                let (one, two) = (try sandbox.run(named: "one").result, try sandbox.run(named: "two").result)
                #expect(one.parameterHash == two.parameterHash && one.testLoss == two.testLoss)
            }
        }

        @Test("workers without a copy go on where they were when another coordinator takes over")
        func afterCoordinator() throws {
            try Sandbox.with { sandbox in
                let keys = ["data.limit=4800", "training.epochs=2"]
                try FakeCIFAR10(samples: 4800).write(to: sandbox.path)
                let local = try sandbox.finish(training(sandbox, workers: 1, "run.name=local") + keys)
                #expect(try local.end() == .status(0), "\(local.standardError)")
                let team = try sandbox.startOverTCP(
                    training(sandbox, "coordinator", workers: 2, "data.delivery=stream") + keys)
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 2 })
                team.coordinator.signal(SIGKILL)
                #expect(try team.coordinator.end(within: .seconds(5)) == .signal(SIGKILL))
                let second = try sandbox.start(["coordinator", "--resume", run.path])
                for process in [second] + team.workers {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                let result = try run.result
                #expect(try result.parameterHash == sandbox.run(named: "local").result.parameterHash)
                #expect(result.losses == [0, 0, 0] && result.extent == [2, 300, 9600])
            }
        }
    }
}
