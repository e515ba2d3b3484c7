import Foundation

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

    private let condition = NSCondition()
    private let capacity: Int
    private var elements: ArraySlice<Element> = []
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
            while elements.count >= capacity && !isClosed { condition.wait() }
            guard !isClosed else { return false }
            elements.append(element)
            condition.broadcast()
            return true
        }
    }

    /// Takes the oldest element, waiting until `deadline` (for ever without one).
    public func pop(until deadline: ContinuousClock.Instant? = nil) -> Popped {
        condition.withLock {
            while elements.isEmpty {
                if isClosed { return .closed }
                guard let deadline else {
                    condition.wait()
                    continue
                }
                let left = ContinuousClock.now.duration(to: deadline)
                if left <= .zero { return .timedOut }
                _ = condition.wait(until: Date(timeIntervalSinceNow: left.seconds))
            }
            let element = elements.removeFirst()
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
    public var count: Int { condition.withLock { elements.count } }
}

extension Duration {
    /// The duration in seconds.
    public var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
