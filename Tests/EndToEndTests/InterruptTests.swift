import Checkpoints
import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Interrupted runs")
    struct InterruptTests {
        @Test("end at a step with a checkpoint after one signal", arguments: [SIGINT, SIGTERM])
        func once(signal: Int32) throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(
                    sandbox.training(workers: 2, "training.batch=32", "training.epochs=100"))
                _ = try process.line(holding: "training with")
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 1 })
                process.signal(signal)
                #expect(try process.end() == .status(130), "\(process.standardError)")
                #expect(sandbox.processes == [])
                #expect(process.lastError == "interrupted; a checkpoint of the last step was written")
                let result = try run.result
                #expect(result.status == "interrupted")
                #expect(result.steps == run.stepCount && result.lostSteps == 0)
                #expect(result.samples == result.steps * 32)
                let checkpoint = try run.checkpoint()
                #expect(checkpoint.step == result.steps)
                #expect(try checkpoint.parameterHash == result.parameterHash)
            }
        }

        @Test("do not wait for the end of an evaluation, which is made when the run goes on")
        func inEvaluation() throws {
            try Sandbox.with { sandbox in
                // The evaluation takes many seconds.
                let process = try sandbox.start(
                    sandbox.training(
                        workers: 2, "training.batch=8", "data.limit=16", "training.epochs=1", "model.name=resnet9"))
                _ = try process.line(holding: "training with")
                let run = try sandbox.run()
                #expect(poll { run.stepCount == 2 })
                process.signal(SIGINT)
                #expect(try process.end(within: .seconds(30)) == .status(130), "\(process.standardError)")
                let result = try run.result
                #expect(result.status == "interrupted" && result.extent == [0, 2, 16])
                #expect(try run.checkpoint().step == 2)
                #expect(try run.checkpoint().parameterHash == result.parameterHash)
            }
        }

        @Test("go on without a worker that is asked to end, and stop with a checkpoint when too few would remain")
        func leavingWorkers() throws {
            try Sandbox.with { sandbox in
                let team = try sandbox.startOverTCP(
                    sandbox.training("coordinator", workers: 2, "training.batch=32", "training.epochs=100"))
                _ = try team.coordinator.line(holding: "training with")
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 1 })
                team.workers[1].signal(SIGINT)
                #expect(try team.workers[1].end() == .status(130), "\(team.workers[1].standardError)")
                _ = try team.coordinator.line(holding: "leaves the run as it was asked to; the others go on")
                let steps = run.stepCount
                #expect(poll { run.stepCount > steps + 1 })
                team.workers[0].signal(SIGTERM)
                for process in [team.coordinator, team.workers[0]] {
                    #expect(try process.end() == .status(130), "\(process.standardError)")
                }
                let result = try run.result
                #expect(result.status == "interrupted" && result.generations == 2)
                #expect(try run.checkpoint().parameterHash == result.parameterHash)
            }
        }

        @Test("end at once after two signals")
        func twice() throws {
            try Sandbox.with { sandbox in
                // A step of some seconds, so that the second signal comes before its end.
                let process = try sandbox.start(
                    sandbox.training(workers: 2, "training.batch=8000", "training.accumulate=40"))
                _ = try process.line(holding: "training with")
                process.signal(SIGINT)
                #expect(
                    try process.line(holding: "interrupted")
                        == "interrupted: ending at the next step with a checkpoint; interrupt again to end at once")
                process.signal(SIGINT)
                #expect(try process.end(within: .seconds(20)) == .status(130), "\(process.standardError)")
                #expect(process.lastError == "interrupted; no checkpoint of the last step was written")
                let result = try sandbox.run().result
                #expect(result.status == "interrupted")
                #expect(result.parameterHash == nil && result.steps == 0)
            }
        }

        @Test(
            "have a result however early they are interrupted",
            arguments: ["run ", "waiting: 1 of 1 workers is missing"])
        func early(line: String) throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(
                    sandbox.training("coordinator", workers: 1) + ["--bind", "tcp://127.0.0.1:0"])
                _ = try process.line(holding: line)
                process.signal(SIGINT)
                #expect(try process.end(within: .seconds(10)) == .status(130))
                #expect(try sandbox.run().result.status == "interrupted")
            }
        }
    }
}
