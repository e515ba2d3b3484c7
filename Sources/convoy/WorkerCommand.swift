import ArgumentParser
import Cluster
import Foundation
import Logging
import Messaging
import Training

/// Joins a run.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Joins a run; everything else comes from its coordinator.")

    @Option(name: .long, help: "The coordinator's address, as it printed it.")
    var coordinator: String

    @Option(name: .long, help: "Compute threads; without it what the run's configuration says.")
    var threads: Int?

    @Option(name: .long, help: "Seconds to wait for the coordinator's first answer.")
    var joinTimeout = 600.0

    @Option(name: .long, help: .hidden)
    var id: String?

    @Option(name: .customLong("parent-pid"), help: .hidden)
    var parentPID: Int32?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, found \(threads)") }
        guard (1...86_400).contains(joinTimeout) else {
            throw ValidationError("--join-timeout must be between 1 and 86400 seconds, found \(joinTimeout)")
        }
    }

    func run() throws {
        if let parentPID { try ParentWatch.dieWithParent(pid: parentPID) }
        let log = FileLog.standardError
        if let notice = BLASCorrection.notice { log.write(.notice, notice) }
        let environment = ProcessInfo.processInfo.environment
        let worker = WorkerProcess(
            coordinator: coordinator, id: try id.map { try PeerID($0) }, threads: threads,
            joinTimeout: .seconds(joinTimeout), environmentPath: environment["CONVOY_DATA"],
            faults: environment["CONVOY_FAILPOINT"], log: log, sendsLog: parentPID == nil)
        switch try worker.run() {
        case .completed: return
        case .stopped, .left, .interrupted: throw ExitCode(130)
        case .refused(let reason): throw WorkerEnd(text: "the coordinator refused this worker: \(reason)")
        case .aborted(let reason): throw WorkerEnd(text: "the run was ended: \(reason)")
        case .failed(let reason): throw WorkerEnd(text: reason)
        }
    }
}

/// Why a worker ended early.
private struct WorkerEnd: Error, CustomStringConvertible {
    let text: String

    var description: String { text }
}
