import Foundation

/// A lock with a condition to wait for, whose deadlines are on the monotonic clock: setting the host's clock neither
/// shortens nor lengthens a wait.
public final class Condition: @unchecked Sendable {  // The C objects are made for use by several threads.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Makes an open lock.
    public init() {
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Calls `body` with the lock held.
    public func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Releases the lock until `broadcast`; to be called with the lock held, in a loop that checks what it waits for.
    public func wait() { pthread_cond_wait(condition, mutex) }

    /// As `wait`, at most until `deadline`; false when that has passed.
    @discardableResult
    public func wait(until deadline: ContinuousClock.Instant) -> Bool {
        let left = ContinuousClock.now.duration(to: deadline)
        if left <= .zero { return false }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        // A century is for ever, and its nanoseconds fit.
        let (seconds, attoseconds) = min(left, .seconds(3_155_760_000)).components
        time.tv_sec += Int(seconds)
        time.tv_nsec += Int(attoseconds / 1_000_000_000)
        if time.tv_nsec >= 1_000_000_000 {
            time.tv_sec += 1
            time.tv_nsec -= 1_000_000_000
        }
        pthread_cond_timedwait(condition, mutex, &time)
        return true
    }

    /// Wakes all who wait; to be called with the lock held.
    public func broadcast() { pthread_cond_broadcast(condition) }
}
