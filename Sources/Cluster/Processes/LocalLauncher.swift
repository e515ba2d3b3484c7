import Glibc
import Messaging
import Synchronization

/// Starts worker processes on this host, says how they end, and leaves none behind.
///
/// Workers do not outlive this process even when it is killed, if each calls ``ParentWatch/dieWithParent(pid:)``.
public final class LocalLauncher: Sendable {
    /// One worker process to start.
    public struct Command: Sendable {
        /// The id that the worker will give to the coordinator.
        public var worker: PeerID
        /// The program's path and its arguments.
        public var arguments: [String]
        /// The complete environment.
        public var environment: [String: String]
        /// The file to which output and errors are appended; nil for this process's standard error.
        public var log: String?

        /// A worker process to start.
        public init(worker: PeerID, arguments: [String], environment: [String: String], log: String?) {
            precondition(!arguments.isEmpty, "the first argument is the program's path")
            self.worker = worker
            self.arguments = arguments
            self.environment = environment
            self.log = log
        }
    }

    private let children = Mutex<[ChildProcess]>([])
    private let onExit: @Sendable (PeerID, ProcessExit) -> Void

    /// A launcher that calls `onExit` once for each process that ends, each time on some other thread.
    public init(onExit: @escaping @Sendable (PeerID, ProcessExit) -> Void) {
        self.onExit = onExit
    }

    deinit { close(grace: .zero) }

    /// Starts a process.
    ///
    /// - Throws: ``LaunchError`` naming the program or the log.
    public func start(_ command: Command) throws(LaunchError) {
        let child = try ChildProcess(
            command.arguments, environment: command.environment, log: command.log
        ) { [onExit] exit in onExit(command.worker, exit) }
        children.withLock { $0.append(child) }
    }

    /// Waits until all processes have ended by themselves; false when `deadline` passed before.
    public func wait(until deadline: ContinuousClock.Instant) -> Bool {
        children.withLock { $0 }.allSatisfy { $0.wait(until: deadline) }
    }

    /// Ends all processes and what they started: asks with SIGTERM, and after `grace` kills with SIGKILL.
    ///
    /// Returns when all have ended and been reported; at most a few seconds after `grace`, and then only when a process
    /// hangs inside the kernel.
    public func close(grace: Duration = .seconds(5)) {
        let children = children.withLock { children in
            defer { children = [] }
            return children
        }
        for child in children { child.signal(SIGTERM) }
        let deadline = ContinuousClock.now + grace
        for child in children where !child.wait(until: deadline) { child.signal(SIGKILL) }
        let end = ContinuousClock.now + .seconds(5)
        for child in children { _ = child.wait(until: end) }
    }
}
