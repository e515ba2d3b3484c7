import Foundation
import Testing

extension EndToEnd {
    @Suite("Benchmarks")
    struct BenchTests {
        @Test("bench train measures workers and their all-reduce, and prints one object")
        func train() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    ["bench", "train", "--workers", "2", "--batch", "4", "--steps", "2", "--warmup", "1", "--json"])
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let object = try JSONSerialization.jsonObject(with: Data(process.standardOutput.utf8))
                let values = try #require(object as? [String: Any])
                #expect(
                    values.keys.sorted() == [
                        "allreduce_ms", "allreduce_share", "batch", "hidden_ms", "loss", "model", "params",
                        "peak_rss_mb", "samples_per_s",
                        "step_ms",
                        "threads", "workers",
                    ])
                #expect(values["model"] as? String == "simple_cnn")
                #expect(values["params"] as? Int == 268_650)
                #expect(values["workers"] as? Int == 2 && values["batch"] as? Int == 4)
                #expect((values["loss"] as? Double ?? 0) > 0)
            }
        }

        @Test("bench train --profile adds the time of each layer")
        func profile() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    ["bench", "train", "--workers", "1", "--batch", "4", "--steps", "1", "--warmup", "0", "--profile"])
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let lines = process.standardOutput.split(separator: "\n")
                #expect(lines.count > 2 && lines.dropFirst().allSatisfy { $0.contains(" ms forward ") })
            }
        }

        @Test("bench train refuses a model that there is not")
        func unknownModel() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(["bench", "train", "--model", "simple_cn"])
                #expect(try process.end() == .status(2))
                #expect(process.lastError.contains("unknown model 'simple_cn'"))
            }
        }

        @Test("bench data tells what a loader delivers, and prints one object")
        func data() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish([
                    "bench", "data", "--seconds", "0.05", "--json", "training.batch=16", "data.limit=40",
                ])
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let object = try JSONSerialization.jsonObject(with: Data(process.standardOutput.utf8))
                let values = try #require(object as? [String: Any])
                #expect(values.keys.sorted() == ["batch", "data", "samples", "samples_per_s", "threads"])
                #expect(values["data"] as? String == "shapes" && values["batch"] as? Int == 16)
                #expect((values["samples"] as? Int ?? 0) > 0 && (values["samples_per_s"] as? Double ?? 0) > 0)
            }
        }

        @Test("bench engine tells of each kernel its speed and its algorithm, one object a line")
        func engine() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    ["bench", "engine", "--repetitions", "1", "--kernels", "baseline", "--json"])
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let objects = try process.standardOutput.split(separator: "\n").map { line in
                    try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                }
                #expect(objects.count > 10)
                #expect(objects.allSatisfy { ($0["gflops"] as? Double ?? 0) > 0 && $0["share"] is Double })
                #expect(Set(objects.compactMap { $0["algorithm"] as? String }).isSuperset(of: ["direct", "winograd"]))
            }
        }
    }
}
