import CZeroMQ
import Foundation
import Threading

/// A transport over ZeroMQ, between processes and hosts.
///
/// One thread owns all sockets: a router that listens, if an address is given, and a dealer for each peer that is
/// dialled. Frames of 8 KiB and more are sent from and received into their memory without a copy.
public final class ZeroMQTransport: Transport {
    /// The name of this side.
    public let id: PeerID
    /// Where others can dial this side, with the real port; nil when it only dials.
    public let address: String?
    private let options: ZeroMQOptions
    private let commands: CommandQueue
    private let inbox: Inbox
    private let thread: DedicatedThread

    /// Starts a transport that listens at `address`, or only dials without one.
    ///
    /// - Parameters:
    ///   - id: The name of this side, also its routing id.
    ///   - address: `tcp://HOST:PORT` or `ipc://@NAME`; port `0` or `*` takes a free one.
    ///   - advertisedHost: The host name or IP address under which others dial; needed when `HOST` is a wildcard.
    ///   - options: Limits and intervals.
    /// - Throws: `TransportError.cannotListen` with the address and what to do, `.libraryTooOld`, `.system`.
    public init(
        id: PeerID, listeningAt address: String? = nil, advertisedHost: String? = nil, options: ZeroMQOptions = .init()
    ) throws(TransportError) {
        try ZeroMQLibrary.requireSafeVersion()
        let commands = try CommandQueue()
        guard let context = zmq_ctx_new() else {
            throw .system(operation: "opening a ZeroMQ context", reason: ZeroMQLibrary.reason())
        }
        // Each peer needs a dealer and two ends of its monitor; the default stops at 340 peers.
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 16384)
        zmq_ctx_set(context, ZMQ_IO_THREADS, Int32(options.ioThreads))

        var router: ZeroMQSocket?
        do throws(TransportError) {
            if let address {
                let bound = try Self.listen(
                    at: address, advertisedHost: advertisedHost, id: id, context: context, options: options)
                router = bound.router
                self.address = bound.address
            } else {
                self.address = nil
            }
        } catch {
            zmq_ctx_term(context)
            throw error
        }
        self.id = id
        self.options = options
        self.commands = commands
        let inbox = Inbox(of: id)
        self.inbox = inbox
        let start = LoopStart(context: context, router: router)
        thread = DedicatedThread(name: "sockets") {
            let loop = SocketLoop(
                id: id, context: start.context, router: start.router, commands: commands, inbox: inbox,
                options: options)
            loop.run()
            inbox.close()
            // Waits until queued messages have left or their time is up; then libzmq holds no lent memory any more.
            zmq_ctx_term(start.context)
        }
    }

    deinit { close() }

    /// Starts to dial `peer` at `address`, with a dealer for each of the `connections`.
    ///
    /// - Throws: `TransportError.cannotConnect` when the address cannot be understood, `.closed`.
    public func connect(to peer: PeerID, at address: String, connections: Int) throws(TransportError) {
        precondition((1...16).contains(connections), "one to sixteen connections, not \(connections)")
        do throws(ZeroMQAddress.Malformed) {
            if case .tcp(let host, let port) = try ZeroMQAddress(address), port == nil || ZeroMQAddress.isWildcard(host)
            {
                throw ZeroMQAddress.Malformed("it names all hosts or any port; give the address that the peer reports")
            }
        } catch {
            throw .cannotConnect(peer: peer, address: address, reason: error.reason)
        }
        guard commands.push(.connect(peer, address: address, connections: connections)) else { throw .closed(id) }
    }

    /// Ends the connection that was dialled to `peer`; what is queued on it is dropped and lent memory released.
    public func disconnect(from peer: PeerID) {
        _ = commands.push(.disconnect(peer))
    }

    /// Queues a message for `peer` and returns at once.
    ///
    /// - Throws: `TransportError.frameTooLarge`, `.closed`.
    public func send(_ frames: [Frame], to peer: PeerID) throws(TransportError) {
        precondition(!frames.isEmpty, "a message has at least one frame")
        for frame in frames where frame.count > options.maximumFrameBytes {
            throw .frameTooLarge(bytes: frame.count, limit: options.maximumFrameBytes, peer: peer)
        }
        let isOpen = peer == id ? inbox.push(.message(from: id, frames: frames)) : commands.push(.send(peer, frames))
        guard isOpen else { throw .closed(id) }
    }

    /// Takes the next event, waiting until `deadline`.
    ///
    /// - Throws: `TransportError.closed` when the transport is closed and its inbox is empty.
    public func receive(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent? {
        try inbox.pop(until: deadline)
    }

    /// Ends all connections and the socket thread; waits at most a little longer than the linger time.
    public func close() {
        _ = commands.push(.close)
        thread.join(until: .now + options.linger + .seconds(5))
    }

    /// Binds a router and finds out the address under which others reach it.
    private static func listen(
        at address: String, advertisedHost: String?, id: PeerID, context: UnsafeMutableRawPointer,
        options: ZeroMQOptions
    ) throws(TransportError) -> (router: ZeroMQSocket, address: String) {
        let parsed: ZeroMQAddress
        do throws(ZeroMQAddress.Malformed) {
            parsed = try ZeroMQAddress(address)
        } catch {
            throw .cannotListen(address: address, reason: error.reason)
        }
        if case .tcp(let host, _) = parsed, ZeroMQAddress.isWildcard(host), advertisedHost == nil {
            throw .cannotListen(
                address: address, reason: "other hosts cannot dial a wildcard; say which host name to advertise")
        }
        let router = try ZeroMQSocket(.router, id: id, number: 0, context: context, options: options)
        guard zmq_bind(router.handle, address) == 0 else {
            let code = zmq_errno()
            router.close(linger: .zero)
            throw .cannotListen(address: address, reason: "\(ZeroMQLibrary.reason(code)); \(mend(code))")
        }
        guard case .tcp(let host, _) = parsed else { return (router, address) }
        let port = router.lastEndpoint.split(separator: ":").last ?? ""
        return (router, "tcp://\(advertisedHost.map(bracketed) ?? host):\(port)")
    }

    /// An IPv6 address needs brackets before a port.
    private static func bracketed(_ host: String) -> String {
        host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    }

    private static func mend(_ code: Int32) -> String {
        switch code {
        case EADDRINUSE: "end the program that listens there, or choose another port (0 takes a free one)"
        case EACCES: "choose a port above 1023"
        default: "give an address of this host"
        }
    }
}

/// What the socket thread takes over when it starts.
private struct LoopStart: @unchecked Sendable {  // Handed over once; the starting thread keeps no reference.
    let context: UnsafeMutableRawPointer
    let router: ZeroMQSocket?
}
