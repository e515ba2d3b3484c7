import Synchronization
import Threading

/// The events that a transport has for its user.
struct Inbox: Sendable {
    /// Holds an event until it is taken: the queue's buffer may outlive that, and lent memory must come back at once.
    private final class Envelope: Sendable {
        private let event: Mutex<TransportEvent?>

        init(_ event: TransportEvent) { self.event = Mutex(event) }

        func take() -> TransportEvent? { event.withLock { $0.take() } }
    }

    private let owner: PeerID
    private let queue = BlockingQueue<Envelope>()

    /// The inbox of `owner`.
    init(of owner: PeerID) { self.owner = owner }

    /// Appends `event`; false when the inbox is closed.
    @discardableResult
    func push(_ event: TransportEvent) -> Bool { queue.push(Envelope(event)) }

    /// Takes the oldest event, waiting until `deadline`; nil when none came.
    func pop(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent? {
        switch queue.pop(until: deadline) {
        case .element(let envelope): return envelope.take()
        case .timedOut: return nil
        case .closed: throw .closed(owner)
        }
    }

    /// Refuses further events and wakes everyone; what is there can still be taken.
    func close() { queue.close() }

    /// Drops what is there.
    func discard() {
        while case .element(let envelope) = queue.pop(until: .now) { _ = envelope.take() }
    }
}
