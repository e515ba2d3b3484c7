import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("What a person sees")
    struct ConsoleTests {
        @Test("plain lines of progress on standard error, the summary on standard output")
        func lines() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    sandbox.training(workers: 2, "data.limit=96", "training.batch=32", "training.epochs=1"))
                #expect(try process.end() == .status(0))
                let run = try sandbox.run()
                let result = try run.result
                let errors = process.standardError
                #expect(
                    errors.hasPrefix(
                        "run \(run.id): simple_cnn on shapes, 2 workers with 1 threads, batch 32 in 2 shards, 1 epochs\n"
                    ),
                    "\(errors)")
                #expect(errors.contains("\nepoch 1/1  step 3/3  "), "\(errors)")
                #expect(errors.contains("\nepoch 1/1 done: train loss "), "\(errors)")
                #expect(errors.contains(" over 4000 samples; "), "\(errors)")
                #expect(!errors.contains("\u{1b}") && !errors.contains("\r"))
                let lines = process.standardOutput.split(separator: "\n").map(String.init)
                #expect(lines.first == "test accuracy   \(result.testAccuracy ?? -1)")
                #expect(lines.contains("steps           3 in 1 epochs, 96 samples"))
                #expect(lines.contains("parameters      sha256 \(result.parameterHash ?? "")"))
                #expect(lines.last == "run directory   \(run.path)")
            }
        }

        @Test("only the summary when it is quiet")
        func quiet() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(
                    sandbox.training(workers: 1, "training.batch=32", "training.epochs=100") + ["--quiet"])
                let run = try sandbox.runToCome()
                #expect(poll { run.stepCount > 0 })
                process.signal(SIGINT)
                #expect(try process.end() == .status(130))
                #expect(process.standardError == "interrupted; a checkpoint of the last step was written\n")
                #expect(process.standardOutput.hasSuffix("run directory   \(run.path)\n"))
            }
        }

        @Test("help for every command, and the version")
        func help() throws {
            try Sandbox.with { sandbox in
                for (arguments, line) in [
                    (["--help"], "USAGE: convoy <subcommand>"), ([], "USAGE: convoy <subcommand>"),
                    (["local", "--help"], "USAGE: convoy local [--config <config>]"),
                    (["coordinator", "--help"], "USAGE: convoy coordinator [--config <config>]"),
                    (["worker", "--help"], "USAGE: convoy worker --coordinator <coordinator>"),
                ] {
                    let process = try sandbox.finish(arguments, within: .seconds(20))
                    #expect(try process.end() == .status(0))
                    #expect(process.standardOutput.contains("\n\(line)"), "\(process.standardOutput)")
                    #expect(process.standardError == "")
                }
                let version = try sandbox.finish(["--version"], within: .seconds(20))
                #expect(try version.end() == .status(0))
                #expect(version.standardOutput.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
            }
        }
    }
}
