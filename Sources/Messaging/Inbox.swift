import Threading

/// The events that a transport has for its user.
struct Inbox: Sendable {
    private let owner: PeerID
    private let queue = BlockingQueue<TransportEvent>()

    /// The inbox of `owner`.
    init(of owner: PeerID) { self.owner = owner }

    /// Appends `event`; false when the inbox is closed.
    @discardableResult
    func push(_ event: TransportEvent) -> Bool { queue.push(event) }

    /// Takes the oldest event, waiting until `deadline`; nil when none came.
    func pop(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent? {
        switch queue.pop(until: deadline) {
        case .element(let event): return event
        case .timedOut: return nil
        case .closed: throw .closed(owner)
        }
    }

    /// Refuses further events and wakes everyone; what is there can still be taken.
    func close() { queue.close() }

    /// Drops what is there.
    func discard() {
        while case .element = queue.pop(until: .now) {}
    }
}
