import CZeroMQ

/// A libzmq socket with its monitor, both confined to the socket thread.
final class ZeroMQSocket {
    enum Kind {
        case router
        case dealer
    }

    /// What happened to a connection of the socket.
    enum ConnectionEvent {
        case ready
        case ended(descriptor: Int32)
        case refused(reason: String)
    }

    let handle: UnsafeMutableRawPointer
    let monitor: UnsafeMutableRawPointer

    /// Opens a socket with every option set and its monitor running.
    ///
    /// - Parameters:
    ///   - number: Tells the sockets of a transport apart.
    ///   - connection: The number of a dealer among those to its peer.
    init(
        _ kind: Kind, id: PeerID, number: Int, connection: Int = 0, context: UnsafeMutableRawPointer,
        options: ZeroMQOptions
    ) throws(TransportError) {
        let type =
            switch kind {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            }
        guard let handle = zmq_socket(context, type) else {
            throw .system(operation: "opening a ZeroMQ socket", reason: ZeroMQLibrary.reason())
        }
        self.handle = handle
        Self.configure(handle, kind, routingID: id.routingID(connection: connection), options: options)

        let address = "inproc://monitor-\(number)"
        let events =
            ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        guard zmq_socket_monitor(handle, address, events) == 0, let monitor = zmq_socket(context, ZMQ_PAIR) else {
            let reason = ZeroMQLibrary.reason()
            zmq_close(handle)
            throw .system(operation: "watching a ZeroMQ socket", reason: reason)
        }
        self.monitor = monitor
        Self.set(monitor, ZMQ_LINGER, 0)
        zmq_connect(monitor, address)
    }

    /// Closes both sockets; what is queued has `linger` to flow off.
    func close(linger: Duration) {
        Self.set(handle, ZMQ_LINGER, linger.milliseconds)
        zmq_socket_monitor(handle, nil, 0)
        zmq_close(monitor)
        zmq_close(handle)
    }

    /// The address at which the socket really listens.
    var lastEndpoint: String {
        var buffer = [CChar](repeating: 0, count: 1024)
        var size = buffer.count
        zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &buffer, &size)
        return String(decoding: buffer.prefix(max(size - 1, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The next event of the monitor, or nil when there is none.
    func nextConnectionEvent() -> ConnectionEvent? {
        while true {
            var event: (kind: Int32, value: Int32) = (0, 0)
            var message = zmq_msg_t()
            zmq_msg_init(&message)
            defer { zmq_msg_close(&message) }
            guard zmq_msg_recv(&message, monitor, ZMQ_DONTWAIT) >= 0 else { return nil }
            if zmq_msg_size(&message) >= 6, let bytes = zmq_msg_data(&message) {
                event.kind = Int32(bytes.loadUnaligned(as: UInt16.self))
                event.value = bytes.loadUnaligned(fromByteOffset: 2, as: Int32.self)
            }
            // The second part is the address, which the owner of the socket knows.
            zmq_msg_recv(&message, monitor, ZMQ_DONTWAIT)
            switch event.kind {
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .ready
            case ZMQ_EVENT_DISCONNECTED: return .ended(descriptor: event.value)
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .refused(reason: "the peer refuses this side's key")
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
                return .refused(reason: "what listens there does not speak this protocol")
            default: continue
            }
        }
    }

    // MARK: Options

    private static func configure(
        _ socket: UnsafeMutableRawPointer, _ kind: Kind, routingID: [UInt8], options: ZeroMQOptions
    ) {
        // Bounded at close; libzmq's default would block the end of the process for ever.
        set(socket, ZMQ_LINGER, options.linger.milliseconds)
        // The transport's own queue holds what is waiting for a connection, and the protocols above bound what they
        // send; libzmq's limits count messages, not bytes, and would drop or reorder at a router.
        set(socket, ZMQ_SNDHWM, 0)
        set(socket, ZMQ_RCVHWM, 0)
        // The system tunes its buffers itself.
        set(socket, ZMQ_SNDBUF, -1)
        set(socket, ZMQ_RCVBUF, -1)
        // A foreign peer cannot make this side allocate without bounds.
        setLong(socket, ZMQ_MAXMSGSIZE, Int64(options.maximumFrameBytes))
        // A connection that does not get through its handshake holds resources for this long only.
        set(socket, ZMQ_HANDSHAKE_IVL, 5000)
        // Finds dead hosts and cut links, which TCP alone notices after minutes; off by default.
        set(socket, ZMQ_HEARTBEAT_IVL, options.heartbeatInterval.milliseconds)
        set(socket, ZMQ_HEARTBEAT_TIMEOUT, options.heartbeatTimeout.milliseconds)
        set(socket, ZMQ_HEARTBEAT_TTL, options.heartbeatTimeout.milliseconds)
        // The same bound for data that the other host's kernel does not acknowledge.
        set(socket, ZMQ_TCP_MAXRT, options.heartbeatTimeout.milliseconds)
        // Both address families; the default is IPv4 only.
        set(socket, ZMQ_IPV6, 1)
        switch kind {
        case .router:
            // Unknown peers give an error instead of silence.
            set(socket, ZMQ_ROUTER_MANDATORY, 1)
            // A peer that dials again after a broken link takes its own place at once. Otherwise libzmq would leave the
            // new connection unheard until the old one has timed out.
            set(socket, ZMQ_ROUTER_HANDOVER, 1)
            // All workers of a large run may dial at the same moment.
            set(socket, ZMQ_BACKLOG, 1024)
        case .dealer:
            zmq_setsockopt(socket, ZMQ_ROUTING_ID, routingID, routingID.count)
            // The queue outlives its connection. Otherwise libzmq would throw away, together with what was to go out,
            // what the peer had said before the end and this side had not taken yet.
            set(socket, ZMQ_IMMEDIATE, 0)
            // The peer may not listen yet: dial again soon, then less often.
            set(socket, ZMQ_RECONNECT_IVL, 50)
            set(socket, ZMQ_RECONNECT_IVL_MAX, 2000)
            // The system's own limit for a host that does not answer is two minutes.
            set(socket, ZMQ_CONNECT_TIMEOUT, 2000)
        }
    }

    private static func set(_ socket: UnsafeMutableRawPointer, _ option: Int32, _ value: Int32) {
        var value = value
        let result = zmq_setsockopt(socket, option, &value, MemoryLayout<Int32>.size)
        assert(result == 0, "libzmq refuses option \(option) with value \(value): \(ZeroMQLibrary.reason())")
    }

    private static func setLong(_ socket: UnsafeMutableRawPointer, _ option: Int32, _ value: Int64) {
        var value = value
        let result = zmq_setsockopt(socket, option, &value, MemoryLayout<Int64>.size)
        assert(result == 0, "libzmq refuses option \(option) with value \(value): \(ZeroMQLibrary.reason())")
    }
}
