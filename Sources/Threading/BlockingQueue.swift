/// A first-in, first-out queue between threads; both ends block, with deadlines.
///
/// - Determinism: elements leave in the order in which they entered.
public final class BlockingQueue<Element: Sendable>: @unchecked Sendable {  // All state is behind `condition`.
    /// What `pop` found.
    public enum Popped: Sendable {
        /// The oldest element.
        case element(Element)
        /// Nothing arrived before the deadline.
        case timedOut
        /// The queue is closed and empty.
        case closed
    }

    private let condition = Condition()
    private let capacity: Int
    /// What came in, oldest first, and what is about to leave, oldest last: taking an element leaves nothing of it behind.
    private var incoming: [Element] = []
    private var outgoing: [Element] = []
    private var isClosed = false

    /// Makes an empty queue that holds at most `capacity` elements.
    public init(capacity: Int = .max) {
        precondition(capacity > 0, "a queue needs room for one element")
        self.capacity = capacity
    }

    /// Appends `element`, waiting while the queue is full; false when the queue is closed.
    @discardableResult
    public func push(_ element: Element) -> Bool {
        condition.withLock {
            while incoming.count + outgoing.count >= capacity && !isClosed { condition.wait() }
            guard !isClosed else { return false }
            incoming.append(element)
            condition.broadcast()
            return true
        }
    }

    /// Takes the oldest element, waiting until `deadline` (for ever without one).
    public func pop(until deadline: ContinuousClock.Instant? = nil) -> Popped {
        condition.withLock {
            while incoming.isEmpty && outgoing.isEmpty {
                if isClosed { return .closed }
                guard let deadline else {
                    condition.wait()
                    continue
                }
                if !condition.wait(until: deadline) { return .timedOut }
            }
            if outgoing.isEmpty {
                outgoing = incoming.reversed()
                incoming = []
            }
            let element = outgoing.removeLast()
            condition.broadcast()
            return .element(element)
        }
    }

    /// Refuses further elements and wakes everyone; what is queued can still be taken.
    public func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// The number of queued elements at this moment.
    public var count: Int { condition.withLock { incoming.count + outgoing.count } }
}

extension Duration {
    /// The duration in seconds.
    public var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
