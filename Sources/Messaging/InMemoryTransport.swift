/// An endpoint of an `InMemoryNetwork`.
///
/// Frames are handed over as they are: the receiver of a borrowed frame reads the sender's memory.
public final class InMemoryTransport: Transport {
    /// The name of this side.
    public let id: PeerID
    /// Where others can dial this side; nil when it only dials.
    public let address: String?
    private let inbox: Inbox
    private let network: InMemoryNetwork

    init(id: PeerID, address: String?, inbox: Inbox, network: InMemoryNetwork) {
        self.id = id
        self.address = address
        self.inbox = inbox
        self.network = network
    }

    deinit { close() }

    /// Connects to whoever listens at `address`, now or later; here one connection is as good as several.
    public func connect(to peer: PeerID, at address: String, connections: Int) throws(TransportError) {
        guard network.connect(id, to: peer, at: address) else { throw .closed(id) }
    }

    /// Ends the connection that was dialled to `peer`.
    public func disconnect(from peer: PeerID) {
        network.disconnect(id, from: peer)
    }

    /// Puts the message into the peer's inbox.
    public func send(_ frames: [Frame], to peer: PeerID) throws(TransportError) {
        precondition(!frames.isEmpty, "a message has at least one frame")
        guard network.send(frames, from: id, to: peer) else { throw .closed(id) }
    }

    /// Takes the next event, waiting until `deadline`.
    public func receive(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent? {
        try inbox.pop(until: deadline)
    }

    /// Leaves the network.
    public func close() {
        network.remove(id)
    }
}
