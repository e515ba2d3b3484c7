import CZeroMQ

/// The one owner of all sockets of a transport; lives on the socket thread.
final class SocketLoop {
    private struct Connection {
        let socket: ZeroMQSocket
        var isReady = false
        /// Messages that wait for the connection, each with the time at which it counts as unreachable.
        var waiting: [(frames: [Frame], deadline: ContinuousClock.Instant)] = []
    }

    private struct Dialled {
        let address: String
        var connections: [Connection] = []
        /// The connection on which the last large message went.
        private var turn = 0
        /// Messages from this size on take turns; smaller ones keep to the first connection.
        private static let largeBytes = 32 << 10

        init(address: String) { self.address = address }

        /// The connection for a message.
        mutating func next(_ frames: [Frame]) -> Int {
            guard connections.count > 1, frames.reduce(0, { $0 + $1.count }) >= Self.largeBytes else { return 0 }
            turn = (turn + 1) % connections.count
            return turn
        }
    }

    private let id: PeerID
    private let context: UnsafeMutableRawPointer
    private let router: ZeroMQSocket?
    private let commands: CommandQueue
    private let inbox: Inbox
    private let options: ZeroMQOptions
    private var dialled: [PeerID: Dialled] = [:]
    private var socketsOpened = 1
    /// Which peer spoke last on each connection of the router.
    private var accepted: [Int32: PeerID] = [:]

    init(
        id: PeerID, context: UnsafeMutableRawPointer, router: ZeroMQSocket?, commands: CommandQueue,
        inbox: Inbox, options: ZeroMQOptions
    ) {
        self.id = id
        self.context = context
        self.router = router
        self.commands = commands
        self.inbox = inbox
        self.options = options
    }

    /// Serves sockets and commands until a `close` command.
    func run() {
        var isOpen = true
        while isOpen {
            wait()
            for command in commands.takeAll() {
                switch command {
                case .connect(let peer, let address, let count): connect(to: peer, at: address, connections: count)
                case .disconnect(let peer): disconnect(from: peer)
                case .send(let peer, let frames): send(frames, to: peer)
                case .close: isOpen = false
                }
            }
            if let router { serve(router) }
            for peer in Array(dialled.keys) { serve(peer) }
        }
        for connection in dialled.values.flatMap(\.connections) { connection.socket.close(linger: options.linger) }
        router?.close(linger: options.linger)
    }

    /// Sleeps until a socket, a monitor or a command needs attention, or a waiting message is overdue.
    private func wait() {
        var items = [zmq_pollitem_t(socket: nil, fd: commands.descriptor, events: Int16(ZMQ_POLLIN), revents: 0)]
        let input = Int16(ZMQ_POLLIN)
        var timeout: Int = -1
        if let router {
            items.append(zmq_pollitem_t(socket: router.handle, fd: 0, events: input, revents: 0))
            items.append(zmq_pollitem_t(socket: router.monitor, fd: 0, events: input, revents: 0))
        }
        for connection in dialled.values.lazy.flatMap(\.connections) {
            items.append(zmq_pollitem_t(socket: connection.socket.handle, fd: 0, events: input, revents: 0))
            items.append(zmq_pollitem_t(socket: connection.socket.monitor, fd: 0, events: input, revents: 0))
            if let first = connection.waiting.first {
                let left = Int(max(0, ContinuousClock.now.duration(to: first.deadline).milliseconds)) + 1
                timeout = timeout < 0 ? left : min(timeout, left)
            }
        }
        zmq_poll(&items, Int32(items.count), timeout)
    }

    // MARK: Commands

    private func connect(to peer: PeerID, at address: String, connections: Int) {
        if let existing = dialled[peer] {
            if existing.address == address && existing.connections.count == connections { return }
            disconnect(from: peer)
        }
        var opened = Dialled(address: address)
        do throws(TransportError) {
            for number in 0..<connections {
                let socket = try ZeroMQSocket(
                    .dealer, id: id, number: socketsOpened, connection: number, context: context, options: options)
                opened.connections.append(Connection(socket: socket))
                socketsOpened += 1
                guard zmq_connect(socket.handle, address) == 0 else {
                    throw .cannotConnect(peer: peer, address: address, reason: ZeroMQLibrary.reason())
                }
            }
            dialled[peer] = opened
        } catch {
            for connection in opened.connections { connection.socket.close(linger: .zero) }
            inbox.push(.unreachable(peer, reason: error.description))
        }
    }

    private func disconnect(from peer: PeerID) {
        for connection in dialled.removeValue(forKey: peer)?.connections ?? [] {
            connection.socket.close(linger: .zero)
        }
    }

    private func send(_ frames: [Frame], to peer: PeerID) {
        if var target = dialled.removeValue(forKey: peer) {
            let index = target.next(frames)
            let connection = target.connections[index]
            // libzmq would take the message without a connection, too, but keep it for ever.
            let canGo = connection.isReady && connection.waiting.isEmpty
            if !canGo || !transmit(frames, on: connection.socket) {
                target.connections[index].waiting.append((frames, .now + options.connectTimeout))
            }
            dialled[peer] = target
        } else if let router {
            let name = Frame(Array(peer.name.utf8))
            if name.send(on: router, more: true) != 0 {
                inbox.push(.unreachable(peer, reason: "there is no connection to \(peer)"))
            } else {
                _ = transmit(frames, on: router)
            }
        } else {
            inbox.push(.unreachable(peer, reason: "there is no connection to \(peer)"))
        }
    }

    /// False when the socket took nothing.
    ///
    /// Only the first part can be refused: a message is sent whole or not at all.
    private func transmit(_ frames: [Frame], on socket: ZeroMQSocket) -> Bool {
        for (index, frame) in frames.enumerated() where frame.send(on: socket, more: index + 1 < frames.count) != 0 {
            return false
        }
        return true
    }

    // MARK: Sockets

    private func serve(_ peer: PeerID) {
        guard var served = dialled.removeValue(forKey: peer) else { return }
        for index in served.connections.indices { serve(&served.connections[index], of: peer, at: served.address) }
        dialled[peer] = served
    }

    private func serve(_ connection: inout Connection, of peer: PeerID, at address: String) {
        // Events are taken before messages but told after them: what a peer sent before its end arrives before the news.
        var ended = false
        while let event = connection.socket.nextConnectionEvent() {
            switch event {
            case .ready:
                connection.isReady = true
                inbox.push(.connected(peer))
            case .ended:
                ended = ended || connection.isReady
                connection.isReady = false
            case .refused(let reason):
                inbox.push(.unreachable(peer, reason: "\(address): \(reason)"))
            }
        }
        while let frames = receive(from: connection.socket) {
            inbox.push(.message(from: peer, frames: frames.map(\.frame)))
        }
        if ended { inbox.push(.disconnected(peer)) }
        guard !connection.waiting.isEmpty else { return }
        if connection.isReady {
            let sent = connection.waiting.prefix { transmit($0.frames, on: connection.socket) }.count
            connection.waiting.removeFirst(sent)
        }
        let now = ContinuousClock.now
        let overdue = connection.waiting.prefix { $0.deadline <= now }.count
        connection.waiting.removeFirst(overdue)
        for _ in 0..<overdue {
            inbox.push(
                .unreachable(peer, reason: "no connection to \(address) within \(options.connectTimeout.text)"))
        }
    }

    private func serve(_ router: ZeroMQSocket) {
        var ended = endedConnections(of: router)
        while let parts = receive(from: router) {
            // A peer without a valid name, or a message without contents, is not one of ours.
            guard parts.count > 1, let peer = parts[0].frame.withBytes({ PeerID(routingID: $0) }) else { continue }
            if let connection = parts[1].connection, accepted[connection] != peer {
                // The system reuses descriptors. libzmq tells the end of the old connection before it closes the
                // descriptor, so the news is there by now; it must not be taken for the new connection's.
                ended.formUnion(endedConnections(of: router))
                if ended.remove(connection) != nil { report(endOf: connection) }
                accepted[connection] = peer
            }
            inbox.push(.message(from: peer, frames: parts.dropFirst().map(\.frame)))
        }
        for connection in ended { report(endOf: connection) }
    }

    private func report(endOf connection: Int32) {
        if let peer = accepted.removeValue(forKey: connection) { inbox.push(.disconnected(peer)) }
    }

    /// The descriptors of the router's connections that have ended since the last call.
    private func endedConnections(of router: ZeroMQSocket) -> Set<Int32> {
        var descriptors: Set<Int32> = []
        while let event = router.nextConnectionEvent() {
            if case .ended(let descriptor) = event { descriptors.insert(descriptor) }
        }
        return descriptors
    }

    private func receive(from socket: ZeroMQSocket) -> [ReceivedPart]? {
        guard var part = ReceivedPart(from: socket) else { return nil }
        var parts = [part]
        while part.hasMore, let next = ReceivedPart(from: socket) {
            parts.append(next)
            part = next
        }
        return parts
    }
}
