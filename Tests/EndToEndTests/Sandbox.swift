import Foundation
import Synchronization
import TestSupport
import Testing

/// A coordinator and the workers that join it.
struct Team {
    let coordinator: ConvoyProcess
    let workers: [ConvoyProcess]
}

/// A folder and the processes of one test.
///
/// Processes carry a mark in their environment, which their own processes inherit, so that none can be lost sight of.
final class Sandbox: Sendable {
    /// The folder.
    let path = NSTemporaryDirectory() + "end-to-end-" + UUID().uuidString
    private static let variable = "CONVOY_TEST_SANDBOX"
    private let started = Mutex<[ConvoyProcess]>([])

    private init() throws {
        for folder in [runs, temporary] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
    }

    /// Calls `body` with a new sandbox, then expects that nothing of it is left, and removes what is.
    static func with(sourceLocation: SourceLocation = #_sourceLocation, _ body: (Sandbox) throws -> Void) throws {
        let sandbox = try Sandbox()
        defer { sandbox.remove() }
        try body(sandbox)
        sandbox.expectNothingRemains(sourceLocation)
    }

    /// Where runs leave their directories.
    var runs: String { path + "/runs" }
    /// What the processes take for the system's folder of temporary files.
    private var temporary: String { path + "/tmp" }

    /// Starts `convoy`; runs go to the sandbox.
    ///
    /// - Parameters:
    ///   - data: The value of `$CONVOY_DATA`.
    ///   - faults: The value of `$CONVOY_FAILPOINT`.
    func start(_ arguments: [String], data: String? = nil, faults: String? = nil) throws -> ConvoyProcess {
        let own = ProcessInfo.processInfo.environment
        var environment = [Self.variable: path, "TMPDIR": temporary, "CONVOY_DATA": data ?? path]
        environment["CONVOY_FAILPOINT"] = faults
        for name in ["PATH", "HOME", "LD_LIBRARY_PATH"] { environment[name] = own[name] }
        let process = try ConvoyProcess(arguments, environment: environment)
        started.withLock { $0.append(process) }
        return process
    }

    /// Runs `convoy` to its end.
    func finish(
        _ arguments: [String], data: String? = nil, faults: String? = nil, within limit: Duration = .seconds(60)
    ) throws -> ConvoyProcess {
        let process = try start(arguments, data: data, faults: faults)
        try process.end(within: limit)
        return process
    }

    /// The arguments of `convoy local` or `convoy coordinator` for a run of `simple_cnn` on the shapes in the sandbox.
    ///
    /// Of equal keys the last one counts.
    func training(_ command: String = "local", workers: Int, _ keys: String...) -> [String] {
        [command, "--workers", "\(workers)", "run.directory=\(runs)", "model.name=simple_cnn", "data.name=shapes"]
            + keys
    }

    /// Starts a coordinator on a free port, and one worker for each of `data`, the values of their `$CONVOY_DATA`.
    func startOverTCP(_ coordinator: [String], data: [String?] = [nil, nil]) throws -> Team {
        let process = try start(coordinator + ["--bind", "tcp://127.0.0.1:0"])
        let line = try process.line(holding: "convoy worker --coordinator ")
        let address = try #require(line.split(separator: " ").last.map(String.init))
        return Team(
            coordinator: process,
            workers: try data.map { try start(["worker", "--coordinator", address], data: $0) })
    }

    /// The directories of the runs so far, in order of their names.
    var runDirectories: [RunFolder] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: runs).sorted().map { RunFolder(path: "\(runs)/\($0)") }
        }
    }

    /// The directory of the only run whose name is `name`.
    func run(named name: String = "run") throws -> RunFolder {
        let found = try runDirectories.filter { $0.id.hasPrefix("\(name)-") }
        return try #require(found.count == 1 ? found.first : nil, "one run '\(name)', not \(found.map(\.id))")
    }

    /// The directory of the only run, waiting until it exists.
    func runToCome() throws -> RunFolder {
        _ = try poll { try !runDirectories.isEmpty }
        return try run()
    }

    /// Writes a file and returns its path.
    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }

    /// The processes of the sandbox that live, zombies left out.
    var processes: [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { pid in
            // A process that ends while it is looked at has no environment any more.
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
            return bytes.split(separator: 0).contains { $0.elementsEqual("\(Self.variable)=\(path)".utf8) }
        }
    }

    /// Waits until none of the sandbox's processes lives; false when the time is up.
    func waitForAllProcesses(within limit: Duration) -> Bool { poll(within: limit) { processes.isEmpty } }

    private func expectNothingRemains(_ sourceLocation: SourceLocation) {
        #expect(waitForAllProcesses(within: .seconds(5)), "processes \(processes)", sourceLocation: sourceLocation)
        #expect(names(in: temporary) == [], "temporary files", sourceLocation: sourceLocation)
        #expect(names(in: "/dev/shm").filter { $0.contains("convoy") } == [], sourceLocation: sourceLocation)
        let pids = started.withLock { $0.map { "-\($0.pid)-" } }
        let sockets = (try? String(contentsOfFile: "/proc/net/unix", encoding: .utf8)) ?? ""
        let left = sockets.split(separator: "\n").filter { line in
            line.contains("convoy-") && pids.contains { line.contains($0) }
        }
        #expect(left == [], "sockets", sourceLocation: sourceLocation)
        let partial = FileManager.default.enumerator(atPath: runs)?.compactMap { $0 as? String }.filter {
            $0.hasSuffix(".partial") || $0.contains("/.")
        }
        #expect(partial == [], "half-written files", sourceLocation: sourceLocation)
    }

    private func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    private func remove() {
        for pid in processes { kill(pid, SIGKILL) }
        for process in started.withLock({ $0 }) { _ = try? process.end(within: .seconds(5)) }
        try? FileManager.default.removeItem(atPath: path)
    }
}
