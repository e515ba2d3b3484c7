/// What a transport puts into its inbox.
public enum TransportEvent: Sendable {
    /// A message, whole and in the order in which the peer sent it.
    case message(from: PeerID, frames: [Frame])
    /// A connection that this side dialled is ready.
    case connected(PeerID)
    /// A connection to or from the peer has ended: the peer closed it, died, or was silent for too long.
    ///
    /// Messages on their way in either direction may be lost. A peer with connections both ways is reported for each.
    case disconnected(PeerID)
    /// A message could not be sent, with the reason; it is lost.
    case unreachable(PeerID, reason: String)
}

/// Carries messages of one or more frames between peers that know each other by name.
///
/// All calls are safe from any thread, and none is asynchronous: waiting threads block. A message to a peer goes through
/// the connection that was dialled with `connect`, else back through the one by which the peer reached this side; one
/// to `id` itself goes straight into the own inbox. Messages arrive whole, in order for each pair, or not at all:
/// whoever needs to know asks for an answer. With several connections to a peer, large messages may overtake one another and
/// smaller ones.
public protocol Transport: AnyObject, Sendable {
    /// The name of this side.
    var id: PeerID { get }

    /// Where others can `connect` to this side; nil when it only dials.
    var address: String? { get }

    /// Starts to dial `peer` at `address`, and dials again whenever the connection breaks, until `disconnect`.
    ///
    /// Returns at once. The peer need not listen yet. Dialling the same address again changes nothing; a new address
    /// replaces the old one.
    ///
    /// - Parameters:
    ///   - peer: The name that the peer has.
    ///   - address: Where it listens.
    ///   - connections: How many connections large messages take turns on, 1 to 16: several where one core cannot fill the
    ///     link.
    /// - Throws: `TransportError.cannotConnect` when the address cannot be understood, `.closed`.
    func connect(to peer: PeerID, at address: String, connections: Int) throws(TransportError)

    /// Ends the connection that was dialled to `peer`, if there is one; messages still queued on it are dropped.
    func disconnect(from peer: PeerID)

    /// Queues a message of at least one frame for `peer` and returns at once.
    ///
    /// That the peer cannot be reached is told later, by an event.
    ///
    /// - Throws: `TransportError.frameTooLarge`, `.closed`.
    func send(_ frames: [Frame], to peer: PeerID) throws(TransportError)

    /// Takes the next event, waiting until `deadline`; nil when none came.
    ///
    /// - Throws: `TransportError.closed` when this side is closed and its inbox is empty.
    func receive(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent?

    /// Ends all connections and wakes those who wait in `receive`.
    ///
    /// What is queued on standing connections has a bounded time to leave; what waits for a connection is dropped.
    func close()
}

extension Transport {
    /// Has whoever waits in `receive` look around: an empty message to itself.
    public func wake() {
        // Nobody waits at a closed transport.
        try? send([Frame([])], to: id)
    }

    /// Starts to dial `peer` at `address` with one connection.
    ///
    /// - Throws: `TransportError.cannotConnect` when the address cannot be understood, `.closed`.
    public func connect(to peer: PeerID, at address: String) throws(TransportError) {
        try connect(to: peer, at: address, connections: 1)
    }
}
