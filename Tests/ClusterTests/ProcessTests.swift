import Cluster
import Foundation
import Messaging
import Synchronization
import Tensors
import TestSupport
import Testing
import Threading

@Suite("Processes")
struct ProcessTests {
    /// A folder for one test, removed at its end, with a launcher whose reports are collected.
    final class Bench: Sendable {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cluster-\(UUID().uuidString)")
        let exits = BlockingQueue<(PeerID, ProcessExit)>()
        let launcher: LocalLauncher

        init() throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            launcher = LocalLauncher { [exits] worker, exit in exits.push((worker, exit)) }
        }

        deinit {
            launcher.close(grace: .zero)
            try? FileManager.default.removeItem(at: folder)
        }

        func start(_ worker: PeerID, _ script: String, environment: [String: String] = [:]) throws {
            try launcher.start(
                .init(
                    worker: worker, arguments: ["/bin/sh", "-c", script], environment: environment, log: log(worker)))
        }

        func log(_ worker: PeerID) -> String { folder.appendingPathComponent("\(worker).log").path }

        func text(_ worker: PeerID) -> String { (try? String(contentsOfFile: log(worker), encoding: .utf8)) ?? "" }

        /// Waits until the worker's log holds `text`.
        func wait(for text: String, in worker: PeerID) -> Bool {
            poll(within: .seconds(5)) { self.text(worker).contains(text) }
        }

        func exit() -> (PeerID, ProcessExit)? {
            if case .element(let exit) = exits.pop(until: .now + .seconds(5)) { exit } else { nil }
        }
    }

    @Test("exits and signals are reported, in words")
    func exits() throws {
        let bench = try Bench()
        try bench.start("a", "exit 3")
        #expect(bench.exit().map { $0 == ("a", .status(3)) } == true)
        try bench.start("b", "kill -9 $$")
        #expect(bench.exit().map { $0 == ("b", .signal(9)) } == true)
        #expect("\(ProcessExit.status(3))" == "exited with status 3")
        #expect("\(ProcessExit.signal(9))" == "was killed by signal 9 (SIGKILL)")
        #expect("\(ProcessExit.signal(60))" == "was killed by signal 60")
    }

    @Test("output and errors are appended to the log; the environment is the given one; signals are at their defaults")
    func surroundings() throws {
        let bench = try Bench()
        for _ in 0..<2 {
            try bench.start(
                "a", "echo out $WORD; echo err >&2; grep -E 'Sig(Blk|Ign)' /proc/self/status",
                environment: ["WORD": "here"])
            #expect(bench.exit() != nil)
        }
        let none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n"  // Two signals that glibc keeps for itself.
        #expect(bench.text("a") == "out here\nerr\n\(none)out here\nerr\n\(none)")
    }

    @Test("descriptors of the parent are not the child's")
    func descriptors() throws {
        let bench = try Bench()
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        try bench.start("a", "ls /proc/$$/fd; exit 0")
        #expect(bench.exit() != nil)
        #expect(bench.text("a") == "0\n1\n2\n")
        #expect(descriptor > 2)
    }

    @Test("what cannot be started is an error that names the file")
    func cannotStart() throws {
        let bench = try Bench()
        #expect(
            throws: LaunchError(path: "/no/such/program", reason: "No such file or directory")
        ) {
            try bench.launcher.start(
                .init(worker: "a", arguments: ["/no/such/program"], environment: [:], log: bench.log("a")))
        }
        #expect(
            "\(LaunchError(path: "/x", reason: "Permission denied"))"
                == "cannot start a worker: /x: Permission denied; check that it exists and is permitted")
        #expect(throws: LaunchError(path: "/no/such/folder/log", reason: "No such file or directory")) {
            try bench.launcher.start(
                .init(worker: "a", arguments: ["/bin/true"], environment: [:], log: "/no/such/folder/log"))
        }
    }

    @Test("close asks first, and kills who does not listen with all that it started")
    func ends() throws {
        let bench = try Bench()
        try bench.start("polite", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        try bench.start(
            "deaf", "trap '' TERM; (echo child $$; exec sleep 1000) & echo up; while :; do sleep 0.01; done")
        #expect(bench.wait(for: "up", in: "polite"))
        #expect(bench.wait(for: "up", in: "deaf"))
        bench.launcher.close(grace: .milliseconds(200))
        var exits: [PeerID: ProcessExit] = [:]
        for _ in 0..<2 {
            if let (worker, exit) = bench.exit() { exits[worker] = exit }
        }
        #expect(exits == ["polite": .status(0), "deaf": .signal(9)])
        #expect(bench.text("polite").hasSuffix("bye\n"))
    }

    @Test("the thread that starts a worker lives as long as it, so that only the process's end counts as its parent's")
    func startingThreadLives() throws {
        let bench = try Bench()
        try bench.launcher.start(
            .init(
                worker: "watched",
                arguments: [
                    "/usr/bin/setpriv", "--pdeathsig", "KILL", "/bin/sh", "-c", "echo up; read x < pipe || sleep 1000",
                ],
                environment: [:], log: bench.log("watched")))
        #expect(bench.wait(for: "up", in: "watched"))
        // Others come and go on threads of their own.
        for _ in 0..<5 {
            try bench.start("brief", "exit 0")
            #expect(bench.exit().map { $0 == ("brief", .status(0)) } == true)
        }
        #expect(bench.exits.count == 0)
        bench.launcher.close(grace: .seconds(2))
        #expect(bench.exit().map { $0 == ("watched", .signal(SIGTERM)) } == true)
    }

    @Test("a worker that watches its parent ends with it, also when the parent is killed")
    func parentKilled() async throws {
        let folder = Self.folder(ofRunner: getpid())
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The process in which the body runs is the parent here; it knows the folder by its own parent.
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let launcher = LocalLauncher { _, _ in }
            let log = ProcessTests.folder(ofRunner: getppid()) + "/log"
            let script = ["--pdeathsig", "KILL", "/bin/sh", "-c", "echo $$; exec sleep 1000"]
            try launcher.start(
                .init(worker: "a", arguments: ["/usr/bin/setpriv"] + script, environment: [:], log: log))
            _ = poll(within: .seconds(5)) {
                (try? String(contentsOfFile: log, encoding: .utf8))?.hasSuffix("\n") == true
            }
            kill(getpid(), SIGKILL)
        }
        let said = try String(contentsOfFile: folder + "/log", encoding: .utf8)
        let pid = try #require(Int32(said.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(poll(within: .seconds(5)) { !Self.isRunning(pid) })
    }

    static func folder(ofRunner pid: Int32) -> String { NSTemporaryDirectory() + "/cluster-parent-\(pid)" }

    /// Whether a process runs; one that has ended and was not reaped does not.
    static func isRunning(_ pid: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        return !status.contains(") Z ")
    }

    @Test("a parent that is gone already is an error")
    func parentGone() async {
        // In a process of its own: the request would tie the test runner's life to its parent.
        await #expect(processExitsWith: .success) {
            do {
                try ParentWatch.dieWithParent(pid: getppid() + 1)
                exit(1)
            } catch {
                exit(
                    "\(error)"
                        == "the parent of this worker cannot be relied on: it is not process \(getppid() + 1) any more; "
                        + "start the run again" ? 0 : 2)
            }
        }
        await #expect(processExitsWith: .success) { try ParentWatch.dieWithParent(pid: getppid()) }
    }

    @Test("signals become calls and have their default effect again later")
    func signals() async {
        await #expect(processExitsWith: .signal(SIGUSR1)) {
            let calls = BlockingQueue<Void>()
            var signals: InterruptSignals? = InterruptSignals([SIGUSR1]) { calls.push(()) }
            for _ in 0..<2 {
                kill(getpid(), SIGUSR1)
                guard case .element = calls.pop(until: .now + .seconds(5)) else { exit(1) }
            }
            withExtendedLifetime(signals) {}
            signals = nil
            kill(getpid(), SIGUSR1)
            _ = calls.pop(until: .now + .seconds(5))
        }
    }
}
