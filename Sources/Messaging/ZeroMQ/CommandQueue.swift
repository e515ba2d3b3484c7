import CLinux
import Glibc
import Threading

/// What other threads ask of the socket thread.
enum SocketCommand: Sendable {
    case connect(PeerID, address: String, connections: Int)
    case disconnect(PeerID)
    case send(PeerID, [Frame])
    case close
}

/// Hands commands to the socket thread and wakes it through a descriptor that it polls.
final class CommandQueue: @unchecked Sendable {  // `state` is behind `condition`.
    private struct State {
        var commands: [SocketCommand] = []
        var isClosed = false
    }

    /// Readable while commands wait.
    let descriptor: Int32
    /// A lock that the thread sanitizer can see.
    private let condition = Condition()
    private var state = State()

    init() throws(TransportError) {
        descriptor = linux_eventfd()
        if descriptor < 0 {
            throw .system(operation: "opening an eventfd", reason: String(cString: strerror(errno)).lowercased())
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Appends `command`; false when the queue is closed.
    func push(_ command: SocketCommand) -> Bool {
        condition.withLock {
            guard !state.isClosed else { return false }
            if case .close = command { state.isClosed = true }
            state.commands.append(command)
            // One signal for each batch: the descriptor stays readable until the batch is taken.
            if state.commands.count == 1 {
                var one: UInt64 = 1
                write(descriptor, &one, 8)
            }
            return true
        }
    }

    /// Takes all commands.
    func takeAll() -> [SocketCommand] {
        condition.withLock {
            guard !state.commands.isEmpty else { return [] }
            var count: UInt64 = 0
            read(descriptor, &count, 8)
            defer { state.commands = [] }
            return state.commands
        }
    }
}
