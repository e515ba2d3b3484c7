import Foundation

/// Runs the parts of a loop on a fixed number of threads; the caller is one of them.
///
/// - Determinism: which thread runs which part is open, so a part may write only what no other part touches. Then
///   results do not depend on the number of threads.
public final class ThreadPool: @unchecked Sendable {  // `job` and `next` are behind `condition`.
    private struct Job {
        let body: @Sendable (Int) -> Void
        let count: Int
        var next = 0
        var finished = 0
    }

    /// The number of threads that work on a loop, the caller included.
    public let threads: Int
    private let condition = NSCondition()
    private var job: Job?
    private var isClosed = false

    /// Starts `threads - 1` threads beside the caller's.
    public init(threads: Int) {
        precondition(threads > 0, "a pool needs at least one thread")
        self.threads = threads
        for index in 1..<max(threads, 1) {
            _ = DedicatedThread(name: "compute-\(index)") { [weak self] in
                while let self, self.waitForJob() { self.workOnJob() }
            }
        }
    }

    /// Runs `body(0)` … `body(count - 1)`, each once, and returns when all are done.
    ///
    /// Calls do not nest: `body` must not call `run` on the same pool.
    public func run(_ count: Int, _ body: @Sendable (Int) -> Void) {
        if threads == 1 || count < 2 {
            for part in 0..<count { body(part) }
            return
        }
        // The threads leave the job before `run` returns, so `body` does not outlive the call.
        withoutActuallyEscaping(body) { body in
            condition.withLock {
                precondition(job == nil, "a loop is running on this pool already")
                job = Job(body: body, count: count)
                condition.broadcast()
            }
            workOnJob()
            condition.withLock {
                while let current = job, current.finished < current.count { condition.wait() }
                job = nil
            }
        }
    }

    /// Lets the threads end; the pool must not run another loop.
    public func close() {
        condition.withLock {
            isClosed = true
            condition.broadcast()
        }
    }

    /// True when there is work to take, false when the pool was closed. Wakes regularly so that a dropped pool ends.
    private func waitForJob() -> Bool {
        condition.withLock {
            while !isClosed {
                if let job, job.next < job.count { return true }
                _ = condition.wait(until: Date(timeIntervalSinceNow: 60))
                if job == nil { return !isClosed }
            }
            return false
        }
    }

    private func workOnJob() {
        while runNextPart() {
            condition.withLock {
                job?.finished += 1
                if let job, job.finished == job.count { condition.broadcast() }
            }
        }
    }

    /// Runs a part that nobody has taken; false when there is none.
    ///
    /// A function of its own, so that this thread has let go of the body before the part counts as finished: `run`
    /// must not return while a thread still holds it.
    @inline(never)
    private func runNextPart() -> Bool {
        let part: (index: Int, body: @Sendable (Int) -> Void)? = condition.withLock {
            guard let current = job, current.next < current.count else { return nil }
            job?.next += 1
            return (current.next, current.body)
        }
        guard let part else { return false }
        part.body(part.index)
        return true
    }
}
