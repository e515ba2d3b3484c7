import Foundation
import Threading

/// A `convoy` process under test: its output is collected while it runs, and every wait for it has a deadline.
final class ConvoyProcess: @unchecked Sendable {  // What changes is behind `condition`; the rest is immutable.
    /// How a process ended.
    enum End: Equatable {
        case status(Int32)
        case signal(Int32)
    }

    /// A wait that was in vain.
    struct Impatience: Error, CustomStringConvertible {
        let description: String
    }

    /// The program, built beside the test bundle whose process this is.
    static var program: String {
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("convoy").path
    }

    let pid: pid_t
    private let arguments: [String]
    private let condition = NSCondition()
    private var output: [Data] = [Data(), Data()]
    private var end: End?

    /// Starts `convoy` with exactly this environment.
    init(_ arguments: [String], environment: [String: String]) throws {
        self.arguments = arguments
        let pipes = try [Pipe(), Pipe()]
        pid = try spawn([Self.program] + arguments, environment: environment, output: pipes[0], errors: pipes[1])
        for pipe in pipes { close(pipe.writingEnd) }
        _ = DedicatedThread(name: "output") { [self] in
            collect(from: pipes.map(\.readingEnd))
            let end = waitForEnd()
            condition.withLock {
                self.end = end
                condition.broadcast()
            }
        }
    }

    /// What it wrote to standard output so far.
    var standardOutput: String { condition.withLock { String(decoding: output[0], as: UTF8.self) } }
    /// What it wrote to standard error so far.
    var standardError: String { condition.withLock { String(decoding: output[1], as: UTF8.self) } }
    /// The last complete line on standard error.
    var lastError: String { standardError.split(separator: "\n").last.map(String.init) ?? "" }

    /// The first line on either stream that holds `text`, waiting for it.
    ///
    /// - Throws: When the process ends without it or the time is up.
    func line(holding text: String, within limit: Duration = .seconds(60)) throws -> String {
        let deadline = ContinuousClock.now + limit
        return try condition.withLock {
            while true {
                for stream in output {
                    let pieces = stream.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                    let lines = pieces.dropLast().map { String(decoding: $0, as: UTF8.self) }
                    if let line = lines.first(where: { $0.contains(text) }) { return line }
                }
                if end != nil { throw vain("ended without a line that holds '\(text)'") }
                guard wait(until: deadline) else { throw vain("wrote no line that holds '\(text)' within \(limit)") }
            }
        }
    }

    /// Waits for the end.
    ///
    /// - Throws: When the time is up.
    @discardableResult
    func end(within limit: Duration = .seconds(60)) throws -> End {
        let deadline = ContinuousClock.now + limit
        return try condition.withLock {
            while true {
                if let end { return end }
                guard wait(until: deadline) else { throw vain("did not end within \(limit)") }
            }
        }
    }

    /// Sends a signal, unless the process has been seen to end.
    func signal(_ number: Int32) {
        condition.withLock { if end == nil { kill(pid, number) } }
    }

    /// Waits for a change; false when `deadline` has passed.
    private func wait(until deadline: ContinuousClock.Instant) -> Bool {
        let left = ContinuousClock.now.duration(to: deadline)
        if left <= .zero { return false }
        _ = condition.wait(until: Date(timeIntervalSinceNow: left.seconds))
        return true
    }

    private func vain(_ what: String) -> Impatience {
        let said = output.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
        return Impatience(description: "convoy \(arguments.joined(separator: " ")): \(what); it said:\n\(said)")
    }

    private func collect(from descriptors: [Int32]) {
        var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while polled.contains(where: { $0.fd >= 0 }) {
            guard poll(&polled, nfds_t(polled.count), -1) >= 0 || errno == EINTR else { break }
            for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                let count = read(polled[index].fd, &buffer, buffer.count)
                if count > 0 {
                    condition.withLock {
                        output[index].append(contentsOf: buffer.prefix(count))
                        condition.broadcast()
                    }
                } else if count == 0 || errno != EINTR {
                    close(polled[index].fd)
                    polled[index].fd = -1
                }
            }
        }
    }

    private func waitForEnd() -> End {
        var information = siginfo_t()
        // First without reaping, so that `signal` can never reach a stranger with the same process id.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1 && errno == EINTR {}
        return condition.withLock {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
            let end: End = status & 0x7f == 0 ? .status((status >> 8) & 0xff) : .signal(status & 0x7f)
            self.end = end
            return end
        }
    }
}

/// Two connected descriptors that no other process inherits by accident.
///
/// A pair of sockets, as Glibc offers Swift no pipe that is closed on exec from its very beginning.
private struct Pipe {
    let readingEnd: Int32
    let writingEnd: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        (readingEnd, writingEnd) = (ends[0], ends[1])
    }
}

/// Starts a process with all signals at their defaults, none blocked, and no descriptors but the standard three.
private func spawn(
    _ arguments: [String], environment: [String: String], output: Pipe, errors: Pipe
) throws -> pid_t {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&files, output.writingEnd, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&files, errors.writingEnd, STDERR_FILENO)
    // Beyond the highest there may be some that other threads open meanwhile.
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.compactMap { Int32($0) } ?? []
    for descriptor in STDERR_FILENO + 1..<(open.max() ?? STDERR_FILENO) + 64 {
        posix_spawn_file_actions_addclose(&files, descriptor)
    }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    // The threads of the test runner block signals, and a process inherits that.
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var words = arguments.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (words + variables).forEach { free($0) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, arguments[0], &files, &attributes, &words, &variables)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO) }
    return pid
}
