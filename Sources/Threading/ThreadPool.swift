import Glibc
import Synchronization

/// Runs the parts of a loop on a fixed number of threads; the caller is one of them.
///
/// - Determinism: which thread runs which part is open, so a part may write only what no other part touches. Then
///   results do not depend on the number of threads.
public final class ThreadPool: Sendable {
    /// The number of threads that work on a loop, the caller included.
    public let threads: Int
    private let loop = SharedLoop()

    /// Starts `threads - 1` threads beside the caller's; they end with the pool.
    public init(threads: Int) {
        precondition(threads > 0, "a pool needs at least one thread")
        self.threads = threads
        for index in 1..<threads {
            _ = DedicatedThread(name: "compute-\(index)") { [loop] in
                while loop.waitForParts() { loop.work() }
            }
        }
    }

    deinit { loop.close() }

    /// Runs `body(0)` … `body(count - 1)`, each once, and returns when all are done.
    ///
    /// Calls do not nest: `body` must not call `run` on the same pool. A thread may hold `body` a moment longer than the
    /// call lasts.
    public func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        if threads == 1 || count < 2 {
            for part in 0..<count { body(part) }
            return
        }
        loop.begin(count, body)
        loop.work()
        loop.waitForEnd()
    }
}

/// The loop that a pool's threads work on.
///
/// Loops follow one another within microseconds, so threads look for the next one, and for the end of this one, a while
/// before they sleep.
private final class SharedLoop: @unchecked Sendable {  // All state is behind `condition`, or atomic.
    private struct Job {
        let body: @Sendable (Int) -> Void
        let count: Int
        var taken = 0
        var finished = 0
    }

    private let condition = Condition()
    private var job: Job?
    private var isClosed = false
    /// Parts that nobody has taken, and parts that are not finished, for those who look without the lock.
    private let untaken = Atomic(0)
    private let unfinished = Atomic(0)

    func begin(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        condition.withLock {
            precondition(job == nil, "a loop is running on this pool already")
            job = Job(body: body, count: count)
            untaken.store(count, ordering: .releasing)
            unfinished.store(count, ordering: .releasing)
            condition.broadcast()
        }
    }

    func waitForEnd() {
        look { unfinished.load(ordering: .acquiring) == 0 }
        condition.withLock {
            while let current = job, current.finished < current.count { condition.wait() }
            job = nil
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// True when there are parts to take, false when the pool is gone.
    func waitForParts() -> Bool {
        look { untaken.load(ordering: .acquiring) > 0 }
        return condition.withLock {
            while !isClosed {
                if let job, job.taken < job.count { return true }
                condition.wait()
            }
            return false
        }
    }

    /// Looks for about a tenth of a millisecond; gives way to other threads in between.
    private func look(until isTrue: () -> Bool) {
        for _ in 0..<400 {
            if isTrue() { return }
            sched_yield()
        }
    }

    /// Takes parts until none is left.
    func work() {
        while true {
            let part: (index: Int, body: @Sendable (Int) -> Void)? = condition.withLock {
                guard let current = job, current.taken < current.count else { return nil }
                job?.taken += 1
                untaken.subtract(1, ordering: .releasing)
                return (current.taken, current.body)
            }
            guard let part else { return }
            part.body(part.index)
            condition.withLock {
                job?.finished += 1
                unfinished.subtract(1, ordering: .releasing)
                if let job, job.finished == job.count { condition.broadcast() }
            }
        }
    }
}
