import CLinux
import Foundation

/// A named thread of its own that runs one body; for work that blocks and so has no place on a shared pool.
public final class DedicatedThread: @unchecked Sendable {  // `isDone` is behind `condition`; the rest is immutable.
    private let condition = Condition()
    private var isDone = false

    /// Starts a thread that runs `body` once.
    ///
    /// `name` is seen in debuggers and `top -H` (the first 15 characters).
    public init(name: String, stackBytes: Int = 8 << 20, _ body: @escaping @Sendable () -> Void) {
        let thread = Thread { [self] in
            // Foundation keeps a thread's name to itself.
            linux_name_thread(name)
            body()
            condition.withLock {
                isDone = true
                condition.broadcast()
            }
        }
        thread.stackSize = stackBytes
        thread.start()
    }

    /// Waits until the body has returned; false when `deadline` passed before.
    @discardableResult
    public func join(until deadline: ContinuousClock.Instant? = nil) -> Bool {
        condition.withLock {
            while !isDone {
                guard let deadline else {
                    condition.wait()
                    continue
                }
                if !condition.wait(until: deadline) { return false }
            }
            return true
        }
    }
}
