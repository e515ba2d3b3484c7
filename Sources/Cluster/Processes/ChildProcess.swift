import Glibc
import Synchronization
import Threading

/// A process started by this one, with its output going to a file.
///
/// It leads a process group of its own, so that Ctrl-C in a terminal reaches its parent alone, and its signals are at
/// their defaults.
final class ChildProcess: Sendable {
    private enum Life {
        case starting
        case running(pid_t)
        case ended
    }

    private let life = Mutex(Life.starting)
    private let started = BlockingQueue<Result<pid_t, LaunchError>>()
    private let ended = BlockingQueue<Void>()

    /// Starts the program at the path `arguments[0]`; calls `onExit` once on another thread when it has ended.
    ///
    /// - Throws: ``LaunchError`` when the program cannot be run or the log cannot be opened.
    init(
        _ arguments: [String], environment: [String: String], log: String?,
        onExit: @escaping @Sendable (ProcessExit) -> Void
    ) throws(LaunchError) {
        // The thread that starts the process stays until the process has ended: the kernel takes the end of that thread
        // for the death of the parent (PR_SET_PDEATHSIG).
        _ = DedicatedThread(name: "child", stackBytes: 512 << 10) { [self] in
            let result = Result { () throws(LaunchError) in try spawn(arguments, environment: environment, log: log) }
            if case .success(let pid) = result { life.withLock { $0 = .running(pid) } }
            started.push(result)
            if case .success(let pid) = result { onExit(waitForEnd(of: pid)) }
            ended.close()
        }
        guard case .element(let result) = started.pop() else { return }
        _ = try result.get()
    }

    /// Sends a signal to the process and all it started, unless it has ended.
    func signal(_ number: Int32) {
        life.withLock { life in
            if case .running(let pid) = life { _ = kill(-pid, number) }
        }
    }

    /// Waits until the process has ended and `onExit` has returned; false when `deadline` passed before.
    func wait(until deadline: ContinuousClock.Instant) -> Bool {
        if case .timedOut = ended.pop(until: deadline) { false } else { true }
    }

    private func waitForEnd(of pid: pid_t) -> ProcessExit {
        var information = siginfo_t()
        // First without reaping, so that `signal` can never reach a stranger with the same process id.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1 && errno == EINTR {}
        return life.withLock { life in
            life = .ended
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
            let signal = status & 0x7f
            return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
        }
    }
}

/// Why a worker process could not be started.
public struct LaunchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The program or file in question.
    public let path: String
    /// What the system says about it.
    public let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// What failed and how to mend it, in one sentence.
    public var description: String {
        "cannot start a worker: \(path): \(reason); check that it exists and is permitted"
    }
}

/// Starts a process in a group of its own, with standard input empty and output and errors appended to `log`.
private func spawn(_ arguments: [String], environment: [String: String], log: String?) throws(LaunchError) -> pid_t {
    let output = log.map { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644) } ?? dup(STDERR_FILENO)
    guard output >= 0 else {
        throw LaunchError(path: log ?? "standard error", reason: String(cString: strerror(errno)))
    }
    defer { close(output) }
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO)
    // Sockets and files of the parent are not the child's: it would keep them open after the parent's death. Other
    // threads may open more meanwhile, which take the lowest free numbers; closing a free number does no harm.
    let limit = min(highestDescriptor() + 256, Int32(clamping: sysconf(Int32(_SC_OPEN_MAX))))
    for descriptor in (STDERR_FILENO + 1)..<max(limit, STDERR_FILENO + 1) {
        posix_spawn_file_actions_addclose(&files, descriptor)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

    var pid: pid_t = 0
    guard let program = arguments.first else { throw LaunchError(path: "", reason: "no program is named") }
    let failure = withCStrings(arguments) { arguments in
        withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { environment in
            posix_spawn(&pid, program, &files, &attributes, arguments, environment)
        }
    }
    guard failure == 0 else {
        throw LaunchError(path: program, reason: String(cString: strerror(failure)))
    }
    return pid
}

/// The highest descriptor that this process has open at the moment.
private func highestDescriptor() -> Int32 {
    guard let folder = opendir("/proc/self/fd") else { return STDERR_FILENO }
    defer { closedir(folder) }
    var highest = STDERR_FILENO
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        highest = max(highest, Int32(name) ?? highest)
    }
    return highest
}

/// Calls `body` with a null-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = strings.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }  // It holds at least the null.
}
