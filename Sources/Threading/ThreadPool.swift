import Glibc
import Synchronization

/// Runs the parts of a loop on a fixed number of threads; the caller is one of them.
///
/// - Determinism: which thread runs which part is open, so a part may write only what no other part touches. Then
///   results do not depend on the number of threads.
public final class ThreadPool: Sendable {
    /// The number of threads that work on a loop, the caller included.
    public let threads: Int
    private let loop: SharedLoop

    /// Starts `threads - 1` threads beside the caller's; they end with the pool.
    public init(threads: Int) {
        precondition(threads > 0, "a pool needs at least one thread")
        self.threads = threads
        loop = SharedLoop(threads: threads)
        for index in 1..<threads {
            _ = DedicatedThread(name: "compute-\(index)") { [loop] in
                loop.workUntilClosed(as: index)
            }
        }
    }

    deinit { loop.close() }

    /// The place of the calling thread among the pool's, from 0; 0 for whoever calls `run`.
    public var currentThread: Int { loop.currentThread }

    /// Runs `body(0)` … `body(count - 1)`, each once, and returns when all are done.
    ///
    /// Each thread begins with a share of its own, neighbouring parts, and helps the others when that is done. So loops over
    /// the same images one after another find most of them in the cache of the core that made them.
    ///
    /// Calls do not nest: `body` must not call `run` on the same pool. A thread may hold `body` a moment longer than the
    /// call lasts.
    public func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        if threads == 1 || count < 2 {
            for part in 0..<count { body(part) }
            return
        }
        loop.run(count, body)
    }
}

/// The loop that a pool's threads work on.
///
/// Loops follow one another within microseconds, so threads look for the next one, and for the end of this one, a while
/// before they sleep; and they take parts without a lock.
private final class SharedLoop: @unchecked Sendable {  // All state is behind `condition`, or atomic.
    private struct Job {
        let body: @Sendable (Int) -> Void
        let count: Int
        let number: UInt32
    }

    private let condition = Condition()
    private var job: Job?
    private var isClosed = false
    private let shares: [Share]
    private let unfinished = Atomic(0)

    /// Under which each thread finds its place; without one, of which a process has a thousand, all have the first.
    private let place: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    init(threads: Int) { shares = (0..<threads).map { _ in Share() } }

    deinit { if let place { pthread_key_delete(place) } }

    var currentThread: Int { place.map { Int(bitPattern: pthread_getspecific($0)) } ?? 0 }

    /// Works on a new loop, and returns when all its parts are done.
    func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let new = Job(body: body, count: count, number: shares[0].loop &+ 1)
        condition.withLock {
            precondition(job == nil, "a loop is running on this pool already")
            job = new
            unfinished.store(count, ordering: .releasing)
            for thread in shares.indices { shares[thread].begin(new.number, at: bound(thread, of: count)) }
            condition.broadcast()
        }
        work(on: new, as: 0)
        look { unfinished.load(ordering: .acquiring) == 0 }
        condition.withLock {
            while unfinished.load(ordering: .acquiring) > 0 { condition.wait() }
            job = nil
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// Works on one loop after the other, as the thread with this place, until the pool is gone.
    func workUntilClosed(as thread: Int) {
        if let place { pthread_setspecific(place, UnsafeRawPointer(bitPattern: thread)) }
        var last: UInt32 = 0
        while true {
            look { shares[thread].loop != last }
            let next: Job? = condition.withLock {
                while !isClosed {
                    if let job, job.number != last { return job }
                    condition.wait()
                }
                return nil
            }
            guard let next else { return }
            last = next.number
            work(on: next, as: thread)
        }
    }

    /// Looks for about a tenth of a millisecond; gives way to other threads in between.
    private func look(until isTrue: () -> Bool) {
        for _ in 0..<400 {
            if isTrue() { return }
            sched_yield()
        }
    }

    /// Takes parts until none is left, of the thread's own share first.
    private func work(on job: Job, as thread: Int) {
        var done = 0
        for distance in shares.indices {
            let owner = (thread + distance) % shares.count
            let end = bound(owner + 1, of: job.count)
            while let part = shares[owner].take(from: job.number, before: end) {
                job.body(part)
                done += 1
            }
        }
        guard done > 0, unfinished.subtract(done, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        condition.withLock { condition.broadcast() }
    }

    /// Where the share of a thread begins in a loop of `count` parts.
    private func bound(_ thread: Int, of count: Int) -> Int { count * thread / shares.count }
}

/// The parts of a loop that one thread begins with.
private final class Share: Sendable {
    // Shares lie apart, so that threads do not wait for one another's cache lines.
    private let before = InlineArray<16, UInt64>(repeating: 0)
    /// The number of the loop, and behind it the first of its parts that nobody took: who comes late to a loop finds another
    /// number and takes nothing.
    private let next = Atomic<UInt64>(0)
    private let after = InlineArray<16, UInt64>(repeating: 0)

    /// The number of the newest loop.
    var loop: UInt32 { UInt32(next.load(ordering: .acquiring) >> 32) }

    func begin(_ loop: UInt32, at part: Int) {
        next.store(UInt64(loop) << 32 | UInt64(part), ordering: .releasing)
    }

    /// The next part of a loop, nil when none is left.
    func take(from loop: UInt32, before end: Int) -> Int? {
        var current = next.load(ordering: .acquiring)
        while UInt32(current >> 32) == loop {
            let part = Int(UInt32(truncatingIfNeeded: current))
            if part == end { return nil }
            let (exchanged, original) = next.compareExchange(
                expected: current, desired: current + 1, ordering: .acquiringAndReleasing)
            if exchanged { return part }
            current = original
        }
        return nil
    }
}
