import Checkpoints
import Foundation
import Hashing
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Parameters of a run")
    struct ParameterTests {
        /// Five steps, the last of which has eight samples for six shards.
        private static let ragged = [
            "training.shards=6", "data.limit=200", "training.batch=48", "training.epochs=1",
        ]

        @Test(
            "are the same for two and three workers, over tcp, and when it is repeated with one worker of two threads")
        func sameParameters() throws {
            try Sandbox.with { sandbox in
                for (name, workers) in [("two", 2), ("three", 3)] {
                    let process = try sandbox.finish(
                        sandbox.training(workers: workers) + Self.ragged + ["run.name=\(name)"])
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                let team = try sandbox.startOverTCP(
                    sandbox.training("coordinator", workers: 2) + Self.ragged + [
                        "run.name=tcp", "allreduce.shared_memory=false", "allreduce.algorithm=ring",
                    ])
                for process in [team.coordinator] + team.workers {
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                let two = try sandbox.run(named: "two")
                let again = try sandbox.finish([
                    "local", "--config", two.configuration, "--workers", "1", "--threads", "2", "run.name=again",
                ])
                #expect(try again.end() == .status(0), "\(again.standardError)")

                let expected = try two.result
                for name in ["three", "tcp", "again"] {
                    let result = try sandbox.run(named: name).result
                    #expect(result.parameterHash == expected.parameterHash, "\(name)")
                    #expect(result.testLoss == expected.testLoss, "\(name)")
                    #expect(result.trainLoss == expected.trainLoss, "\(name)")
                }
                try expectComplete(two, workers: 2)
                try expectComplete(try sandbox.run(named: "tcp"), workers: 2)
            }
        }

        @Test("are the same for one and three workers when gradients are compressed", arguments: ["bf16", "top_k"])
        func compressed(compression: String) throws {
            try Sandbox.with { sandbox in
                for workers in [1, 3] {
                    let process = try sandbox.finish(
                        sandbox.training(workers: workers) + Self.ragged + [
                            "run.name=workers-\(workers)", "allreduce.compression=\(compression)",
                            "allreduce.shared_memory=\(workers == 1)",
                        ])
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                }
                #expect(
                    try sandbox.run(named: "workers-1").result.parameterHash
                        == sandbox.run(named: "workers-3").result.parameterHash)
            }
        }

        /// What a run of five steps over 200 samples leaves.
        private func expectComplete(_ run: RunFolder, workers: Int) throws {
            let checkpoint =
                ["latest"]
                + ["manifest.json", "model.safetensors", "optimizer.safetensors", "state.json"]
                .map { "step-5/\($0)" }
            let named = ["config.yaml", "environment.json", "metrics.jsonl", "result.json", "logs/coordinator.log"]
            #expect(run.files.isSuperset(of: named + checkpoint.map { "checkpoints/\($0)" }), "\(run.files)")

            let result = try run.result
            #expect(result.status == "completed")
            #expect(result.extent == [1, 5, 200] && result.workers == workers)
            #expect(result.losses == [0, 0, 0])
            #expect(result.error == nil && result.generations == 1)

            let steps = try run.steps
            #expect(steps.map(\.step) == Array(0..<5))
            #expect(steps.map(\.samples) == [48, 48, 48, 48, 8])
            #expect(steps.allSatisfy { $0.epoch == 0 && $0.loss.isFinite && $0.learningRate > 0 && $0.seconds > 0 })
            let epochs = try run.epochs
            let epoch = try #require(epochs.count == 1 ? epochs.first : nil)
            #expect(epoch.extent == [0, 5, 200] && epoch.testSamples == 4000)
            #expect(epoch.testLoss == result.testLoss && epoch.testAccuracy == result.testAccuracy)

            let saved = try run.checkpoint()
            #expect(saved.step == 5)
            #expect(saved.files == ["model.safetensors", "optimizer.safetensors", "state.json"])
            #expect(try saved.parameterHash == result.parameterHash)
            let environment = try #require(
                try JSONSerialization.jsonObject(with: run.contents("environment.json")) as? [String: Any])
            let members = try #require(environment["workers"] as? [[String: Any]])
            #expect(members.compactMap { $0["rank"] as? Int } == Array(0..<workers))
            #expect(environment["run"] as? String == run.id)
            #expect(try run.text("logs/coordinator.log").contains("the run ended: completed"))
        }

        @Test(
            "and their average are the same for one and three workers with weighted losses, norms of layers and clipping"
        )
        func sameAverage() throws {
            try Sandbox.with { sandbox in
                let keys = [
                    "optimizer={name: lamb, decay_bias_and_norms: false}", "training.ema_decay=0.8",
                    "training.clip_norm=1", "training.clip_value=0.05",
                    "loss={name: cross_entropy, class_weights: [1, 2, 0, 4, 1, 1, 0.5, 1, 1, 3], ignore_index: 1}",
                ]
                var results: [RunFolder.Result] = []
                var averages: [String] = []
                for (name, workers) in [("one", 1), ("three", 3)] {
                    let process = try sandbox.finish(
                        sandbox.training(workers: workers) + Self.ragged + keys + ["run.name=\(name)"])
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                    let run = try sandbox.run(named: name)
                    results.append(try run.result)
                    let file = try SafeTensorsFile(path: run.checkpoint().path(of: "ema.safetensors"))
                    averages.append(file.parameterHash().hexadecimal)
                }
                #expect(results[0].parameterHash == results[1].parameterHash)
                #expect(results[0].trainLoss == results[1].trainLoss && results[0].testLoss == results[1].testLoss)
                #expect(averages[0] == averages[1] && averages[0] != results[0].parameterHash)
            }
        }

        @Test("whose average is kept are judged by that average")
        func judgedByAverage() throws {
            try Sandbox.with { sandbox in
                func testLoss(_ name: String, _ keys: String...) throws -> Double? {
                    let process = try sandbox.finish(
                        sandbox.training(workers: 1) + Self.ragged + keys + ["run.name=\(name)"])
                    #expect(try process.end() == .status(0), "\(process.standardError)")
                    return try sandbox.run(named: name).result.testLoss
                }
                let averaged = try testLoss("averaged", "training.ema_decay=0.7")
                let average = try sandbox.run(named: "averaged").checkpoint().path(of: "ema.safetensors")
                #expect(
                    try testLoss("average", "model.weights=\(average)", "optimizer.learning_rate=1e-30") == averaged)
                #expect(try testLoss("plain") != averaged)
                // An average that keeps nothing is the weights themselves.
                #expect(try testLoss("nothing", "training.ema_decay=0") == testLoss("again"))
            }
        }

        @Test("with batch norm are the same for one and three workers and for two threads")
        func sameParametersWithBatchNorm() throws {
            try Sandbox.with { sandbox in
                var hashes: [String] = []
                for (name, workers, threads) in [("one", 1, 1), ("three", 3, 1), ("threads", 1, 2)] {
                    let process = try sandbox.start(
                        sandbox.training(
                            workers: workers, "run.name=\(name)", "model.name=resnet20", "training.shards=6",
                            "training.batch=22", "training.checkpoint_every_steps=2", "training.keep_checkpoints=1000",
                            "cluster.threads=\(threads)"))
                    _ = try process.line(holding: "training with")
                    let run = try sandbox.run(named: name)
                    // Two steps tell enough; an evaluation would take most of the time.
                    #expect(poll { run.hasCheckpoint(2) })
                    process.signal(SIGINT)
                    #expect(try process.end() == .status(130), "\(process.standardError)")
                    hashes.append(try run.checkpoint(2).parameterHash)
                }
                #expect(Set(hashes).count == 1, "\(hashes)")
            }
        }

        @Test("follow the same loss curve with two workers as with one worker and unsharded batches, to rounding")
        func sameCurve() throws {
            try Sandbox.with { sandbox in
                var curves: [[Double]] = []
                for (name, workers) in [("one", 1), ("two", 2)] {
                    let process = try sandbox.start(
                        sandbox.training(workers: workers, "run.name=\(name)", "training.batch=50", "data.limit=5000"))
                    _ = try process.line(holding: "training with")
                    let run = try sandbox.run(named: name)
                    #expect(poll { run.stepCount >= 20 })
                    process.signal(SIGINT)
                    #expect(try process.end() == .status(130), "\(process.standardError)")
                    curves.append(try run.steps.prefix(20).map(\.loss))
                }
                #expect(curves[0].count == 20)
                for (step, (one, two)) in zip(curves[0], curves[1]).enumerated() {
                    #expect(abs(one - two) <= 1e-4 * one, "step \(step): \(one) and \(two)")
                }
                #expect(Set(curves[0]).count > 10, "a curve that moves: \(curves[0])")
            }
        }
    }
}
