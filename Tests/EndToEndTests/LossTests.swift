import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Lost processes")
    struct LossTests {
        /// More steps than a test waits for.
        private static let long = ["training.batch=32", "training.epochs=100"]

        /// The process ids that a coordinator names when training starts, by rank.
        private func workers(of process: ConvoyProcess) throws -> [pid_t] {
            try process.line(holding: "training with").split(separator: "pid ").dropFirst().compactMap { part in
                pid_t(part.prefix { $0.isNumber })
            }
        }

        @Test("without enough workers a local run ends in seconds with an error that names worker and signal")
        func localWorker() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(
                    sandbox.training(workers: 2, "cluster.min_workers=2") + Self.long)
                let pids = try workers(of: process)
                let victim = try #require(pids.count == 2 ? pids.last : nil)
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 0 })
                kill(victim, SIGKILL)
                #expect(try process.end(within: .seconds(10)) == .status(1))
                #expect(sandbox.waitForAllProcesses(within: .seconds(1)))
                let error = process.lastError
                #expect(error.hasPrefix("Error: worker 1 ("), "\(error)")
                #expect(error.contains("pid \(victim)) was killed by signal 9 (SIGKILL)"), "\(error)")
                let result = try run.result
                #expect(result.status == "failed")
                #expect(result.error.map { "Error: " + $0 } == error)
                #expect(result.parameterHash == nil)
                #expect(result.steps == run.stepCount)
            }
        }

        @Test("workers whose coordinator is killed wait for it, and end with an error that names it")
        func remoteCoordinator() throws {
            try Sandbox.with { sandbox in
                let team = try sandbox.startOverTCP(
                    sandbox.training("coordinator", workers: 2, "cluster.reattach_timeout_s=1") + Self.long)
                #expect(try workers(of: team.coordinator).count == 2)
                let run = try sandbox.run()
                #expect(poll { run.stepCount > 0 })
                team.coordinator.signal(SIGKILL)
                #expect(try team.coordinator.end(within: .seconds(5)) == .signal(SIGKILL))
                for worker in team.workers {
                    #expect(try worker.end(within: .seconds(20)) == .status(1))
                    #expect(worker.lastError.hasPrefix("Error: the coordinator at tcp://127.0.0.1:"))
                    #expect(
                        worker.lastError.contains(", and it did not come back within 1.0 s; take the run over with "),
                        "\(worker.standardError)")
                }
            }
        }

        @Test("the workers of a local run vanish when it is killed")
        func localParent() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.start(sandbox.training(workers: 2) + Self.long)
                #expect(try workers(of: process).count == 2)
                #expect(sandbox.processes.count == 3)
                process.signal(SIGKILL)
                #expect(try process.end(within: .seconds(5)) == .signal(SIGKILL))
                #expect(sandbox.waitForAllProcesses(within: .seconds(5)), "\(sandbox.processes)")
            }
        }
    }
}
