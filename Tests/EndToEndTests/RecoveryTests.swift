import Checkpoints
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Recovery")
    struct RecoveryTests {
        /// Two epochs of five steps each.
        private static let keys = [
            "training.batch=32", "training.shards=4", "data.limit=160", "training.epochs=2",
            "training.checkpoint_every_steps=3", "training.verify_every_steps=4", "cluster.heartbeat_timeout_s=1",
        ]

        private func training(_ sandbox: Sandbox, workers: Int, _ name: String, _ more: [String] = []) -> [String] {
            sandbox.training(workers: workers, "run.name=\(name)") + Self.keys + more
        }

        /// The parameters of a run that nothing disturbs.
        private func calmHash(_ sandbox: Sandbox) throws -> String {
            let process = try sandbox.finish(training(sandbox, workers: 1, "calm"))
            #expect(try process.end() == .status(0), "\(process.standardError)")
            return try #require(sandbox.run(named: "calm").result.parameterHash)
        }

        @Test("a worker that dies or hangs at any place costs nothing but time: the parameters are those of a calm run")
        func everywhere() throws {
            try Sandbox.with { sandbox in
                let hash = try calmHash(sandbox)
                for faults in [
                    "compute:kill@4", "reduce:kill@3", "applied:kill@6", "evaluate:kill@5", "evaluate:kill@10",
                    "compute:stop@4",
                ] {
                    let name = faults.replacing(":", with: "-").replacing("@", with: "-")
                    let process = try sandbox.finish(
                        training(sandbox, workers: 3, name), faults: faults + "#worker-0")
                    #expect(try process.end() == .status(0), "\(faults): \(process.standardError)")
                    let run = try sandbox.run(named: name)
                    let result = try run.result
                    #expect(result.parameterHash == hash, "\(faults)")
                    #expect(result.generations == 2 && result.workers == 2, "\(faults)")
                    #expect(result.losses == [0, 0, 0] && result.extent == [2, 10, 320], "\(faults)")
                    #expect(try run.steps.map(\.step) == Array(0..<10), "\(faults)")
                    #expect(try run.epochs.map(\.testSamples) == [4000, 4000], "\(faults)")
                    #expect(try run.checkpoint().step == 10, "\(faults)")
                }
            }
        }

        @Test("when all processes die the run goes on from its newest good checkpoint, with another number of workers")
        func resume() throws {
            try Sandbox.with { sandbox in
                // What was sent before an evaluation has arrived when that is over: the checkpoints of steps 3, 6 and 9.
                let keys = ["training.epochs=3"]
                let calm = try sandbox.finish(training(sandbox, workers: 1, "calm", keys))
                #expect(try calm.end() == .status(0), "\(calm.standardError)")
                let process = try sandbox.finish(
                    training(sandbox, workers: 2, "dead", keys), faults: "compute:kill@11")
                #expect(try process.end() == .status(1), "\(process.standardError)")
                let run = try sandbox.run(named: "dead")
                let model = "\(run.path)/checkpoints/step-9/model.safetensors"
                var bytes = try Data(contentsOf: URL(fileURLWithPath: model))
                bytes[bytes.count / 2] ^= 1
                try bytes.write(to: URL(fileURLWithPath: model))
                let second = try sandbox.finish(["resume", run.path, "--workers", "3"])
                #expect(try second.end() == .status(0), "\(second.standardError)")
                let result = try run.result
                #expect(try result.parameterHash == sandbox.run(named: "calm").result.parameterHash)
                #expect(result.status == "completed" && result.losses == [0, 0, 0] && result.extent == [3, 15, 480])
                #expect(try run.steps.map(\.step) == Array(0..<15))
                #expect(
                    try run.text("logs/coordinator.log").contains(
                        "\(model): does not have the SHA-256 of the manifest; it is damaged"))
                #expect(second.standardError.contains("training from step 6 with worker 0"), "\(second.standardError)")
            }
        }

        @Test("a coordinator that is killed is followed by another one, and the workers go on; others join meanwhile")
        func coordinator() throws {
            try Sandbox.with { sandbox in
                let keys = ["training.epochs=2", "training.shards=4", "training.batch=32", "data.limit=6400"]
                let calm = try sandbox.finish(sandbox.training(workers: 1, "run.name=calm") + keys)
                #expect(try calm.end() == .status(0), "\(calm.standardError)")
                let hash = try sandbox.run(named: "calm").result.parameterHash
                let team = try sandbox.startOverTCP(sandbox.training("coordinator", workers: 2) + keys)
                let address = try #require(
                    team.coordinator.line(holding: "--coordinator ").split(separator: " ").last.map(String.init))
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 2 })
                team.coordinator.signal(SIGKILL)
                #expect(try team.coordinator.end(within: .seconds(5)) == .signal(SIGKILL))
                let second = try sandbox.start(["coordinator", "--resume", run.path])
                let third = try sandbox.start(["worker", "--coordinator", address])
                for process in [second, third] + team.workers {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                let result = try run.result
                #expect(result.parameterHash == hash && result.losses == [0, 0, 0])
                #expect(try run.steps.map(\.step) == Array(0..<400))
                #expect(result.workers == 3, "\(result.generations)")
            }
        }

        @Test("a coordinator that dies when its workers have ended leaves a run that another one ends, without workers")
        func afterTheEnd() throws {
            try Sandbox.with { sandbox in
                let hash = try calmHash(sandbox)
                let faults = "conclude:kill@10#coordinator"
                let local = try sandbox.finish(training(sandbox, workers: 2, "local"), faults: faults)
                #expect(try local.end() == .signal(SIGKILL), "\(local.standardError)")
                let arguments = sandbox.training("coordinator", workers: 2, "run.name=apart") + Self.keys
                let first = try sandbox.start(arguments + ["--bind", "tcp://127.0.0.1:0"], faults: faults)
                let address = try #require(
                    first.line(holding: "--coordinator ").split(separator: " ").last.map(String.init))
                // Some may have heard of the end before the coordinator died, and others hear of it from the next one.
                let workers = try (0..<2).map { _ in try sandbox.start(["worker", "--coordinator", address]) }
                #expect(try first.end() == .signal(SIGKILL), "\(first.standardError)")
                for (name, command) in [("local", ["resume"]), ("apart", ["coordinator", "--resume"])] {
                    let run = try sandbox.run(named: name)
                    #expect(!run.files.contains("result.json"))
                    let second = try sandbox.finish(command + [run.path])
                    #expect(try second.end() == .status(0), "\(second.standardError)")
                    let result = try run.result
                    #expect(
                        result.parameterHash == hash && result.losses == [0, 0, 0] && result.extent == [2, 10, 320])
                    #expect(result.status == "completed" && result.generations == 1 && result.workers == 2)
                    #expect(try run.steps.map(\.step) == Array(0..<10) && run.epochs.count == 2)
                    #expect(!second.standardError.contains("waiting"), "\(second.standardError)")
                }
                for worker in workers { #expect(try worker.end() == .status(0), "\(worker.standardError)") }
            }
        }

        @Test("a run that has too few workers writes a checkpoint and waits; it goes on when there are enough")
        func tooFew() throws {
            try Sandbox.with { sandbox in
                let hash = try calmHash(sandbox)
                let keys = Self.keys + ["training.checkpoint_every_steps=100", "cluster.min_workers=2"]
                let first = try sandbox.start(
                    sandbox.training("coordinator", workers: 2, "run.name=few") + keys + [
                        "--bind", "tcp://127.0.0.1:0",
                    ])
                let address = try #require(
                    first.line(holding: "--coordinator ").split(separator: " ").last.map(String.init))
                let join = ["worker", "--coordinator", address]
                let victim = try sandbox.start(join, faults: "compute:kill@7")
                let survivor = try sandbox.start(join)
                #expect(try victim.end() == .signal(SIGKILL), "\(victim.standardError)")
                _ = try first.line(holding: "paused: 1 of at least 2 workers are there")
                let run = try sandbox.run(named: "few")
                #expect(poll { run.hasCheckpoint(7) })
                let next = try sandbox.start(join)
                for process in [first, survivor, next] {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                let result = try run.result
                #expect(result.parameterHash == hash && result.losses == [0, 0, 0] && result.extent == [2, 10, 320])
            }
        }

        @Test("a local run starts workers that die again, as often as it may; the last one too, from the checkpoint")
        func restarts() throws {
            try Sandbox.with { sandbox in
                let hash = try calmHash(sandbox)
                for workers in [1, 2] {
                    let process = try sandbox.finish(
                        training(
                            sandbox, workers: workers, "restarted-\(workers)",
                            ["cluster.restart_workers=1", "cluster.min_workers=\(workers)"]),
                        faults: "compute:kill@4#worker-0")
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                    _ = try process.line(holding: "'worker-0' is started again (1 of 1 restarts)")
                    let result = try sandbox.run(named: "restarted-\(workers)").result
                    #expect(
                        result.parameterHash == hash && result.losses == [0, 0, 0] && result.extent == [2, 10, 320])
                    #expect(result.generations == 2 && result.workers == workers)
                }
            }
        }

        @Test("a gradient that is not finite names layer, worker and samples; the policy is stop or skip")
        func notFinite() throws {
            try Sandbox.with { sandbox in
                let stopped = try sandbox.finish(
                    training(sandbox, workers: 2, "stopped"), faults: "compute:poison@3#worker-1")
                #expect(try stopped.end() == .status(1))
                let error = stopped.lastError
                #expect(error.hasPrefix("Error: worker "), "\(error)")
                #expect(
                    error.contains(
                        ": the gradient of conv1.weight in step 3 (epoch 0) is not finite; it came from shards "))
                #expect(error.contains(", samples "), "\(error)")

                let skipped = try sandbox.finish(
                    training(sandbox, workers: 2, "skipped", ["training.non_finite=skip"]),
                    faults: "compute:poison@3#worker-1")
                #expect(try skipped.end() == .status(0), "\(skipped.standardError)")
                let result = try sandbox.run(named: "skipped").result
                #expect(result.losses == [0, 0, 32] && result.extent == [2, 10, 288])
            }
        }

        @Test("a worker whose memory changes is named, and takes over the parameters of the others")
        func corrupted() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    training(sandbox, workers: 3, "flipped"), faults: "applied:flip@3#worker-1")
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let line = try process.line(holding: "holds other parameters than most after step 4")
                #expect(line.contains("check the memory of its host"), "\(line)")
                #expect(try sandbox.run(named: "flipped").result.generations == 2)
            }
        }

        @Test("a run whose coordinator died before anybody could join it says that it is to be started anew")
        func neverBegun() throws {
            try Sandbox.with { sandbox in
                _ = try sandbox.write("", to: "journal")
                let process = try sandbox.finish(["coordinator", "--resume", sandbox.path])
                #expect(try process.end() == .status(1))
                #expect(
                    process.standardError
                        == "Error: the run of \(sandbox.path) ended before any worker could join it, so there is nothing to "
                        + "go on with; start it anew\n")
            }
        }

        @Test("a run that cannot go on is refused with a reason", arguments: ["resume", "coordinator"])
        func refusals(command: String) throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    command == "resume" ? ["resume", sandbox.path] : ["coordinator", "--resume", sandbox.path])
                #expect(try process.end() == .status(1))
                #expect(
                    process.standardError
                        == "Error: \(sandbox.path) is no run's directory: it holds no config.yaml; check the path\n")
            }
        }
    }
}
