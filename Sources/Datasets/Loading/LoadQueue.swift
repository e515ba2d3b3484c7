import Synchronization
import Threading

/// The state that a loader shares with its threads: requests in order, the batches made ahead, and how far each side is.
///
/// Every request gets the next ticket. Threads take tickets in order, at most `readAhead` beyond the one to be delivered
/// next, and hand results in in any order; `next` delivers them by ticket.
final class LoadQueue: @unchecked Sendable {  // All state is behind `condition`, but for the atomic.
    typealias Outcome = Result<Batch, LoaderError>

    /// What `next` found.
    enum Delivery {
        case outcome(Outcome)
        case empty
        case closed
        case timedOut(LoadRequest)
    }

    private let condition = Condition()
    private let readAhead: Int
    /// The requests from ticket `delivered` on.
    private var requests: ArraySlice<LoadRequest> = []
    private var outcomes: [Int: Outcome] = [:]
    private var taken = 0
    private var delivered = 0
    private var isClosed = false
    private var waited = Duration.zero
    /// Tickets below this one are not wanted any more; read by threads between samples without the lock.
    private let firstWanted = Atomic<Int>(0)

    init(readAhead: Int) {
        self.readAhead = readAhead
    }

    /// The time that `next` has waited in all.
    var timeWaited: Duration { condition.withLock { waited } }

    func append(_ more: some Sequence<LoadRequest>) {
        condition.withLock {
            if isClosed { return }
            requests.append(contentsOf: more)
            condition.broadcast()
        }
    }

    /// Forgets all requests and what was made of them.
    func removeAll() {
        condition.withLock {
            delivered += requests.count
            taken = delivered
            requests = []
            outcomes = [:]
            firstWanted.store(delivered, ordering: .relaxed)
            condition.broadcast()
        }
    }

    /// Ends all threads after the sample that they are at.
    func close() {
        condition.withLock {
            isClosed = true
            requests = []
            outcomes = [:]
            firstWanted.store(.max, ordering: .relaxed)
            condition.broadcast()
        }
    }

    /// Whether anybody still waits for `ticket`.
    func wants(_ ticket: Int) -> Bool { ticket >= firstWanted.load(ordering: .relaxed) }

    /// The next request to work on, waiting for one; nil when the queue is closed.
    func take() -> (ticket: Int, request: LoadRequest)? {
        condition.withLock {
            while !isClosed {
                let ahead = taken - delivered
                if ahead < min(requests.count, readAhead) {
                    taken += 1
                    return (delivered + ahead, requests[requests.startIndex + ahead])
                }
                condition.wait()
            }
            return nil
        }
    }

    /// Hands in what became of `ticket`.
    func put(_ outcome: Outcome, for ticket: Int) {
        condition.withLock {
            guard !isClosed, ticket >= delivered else { return }
            outcomes[ticket] = outcome
            if ticket == delivered { condition.broadcast() }
        }
    }

    /// Takes the outcome of the oldest request, waiting until `timeout` has passed.
    func next(timeout: Duration) -> Delivery {
        condition.withLock {
            let start = ContinuousClock.now
            defer { waited += start.duration(to: .now) }
            while true {
                if isClosed { return .closed }
                guard let request = requests.first else { return .empty }
                if let outcome = outcomes.removeValue(forKey: delivered) {
                    requests.removeFirst()
                    delivered += 1
                    condition.broadcast()
                    return .outcome(outcome)
                }
                if !condition.wait(until: start + timeout) { return .timedOut(request) }
            }
        }
    }
}
