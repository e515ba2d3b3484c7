import CLinux
import Glibc
import Synchronization
import Threading

/// Turns signals that ask for an end into calls, instead of the end of the process.
///
/// The signals have their default effect again when the object goes away. There may be one such object at a time,
/// because the effect of a signal belongs to the whole process.
public final class InterruptSignals: Sendable {
    /// Counts signals, and wakes the thread that waits for them.
    private final class Counter: Sendable {
        let descriptor: Int32
        let isOver = Atomic(false)

        init(descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }

        /// Waits until signals have arrived, and says how many; nil when there will be no more.
        func next() -> UInt64? {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            var count: UInt64 = 0
            while read(descriptor, &count, 8) != 8 { poll(&request, 1, -1) }
            return isOver.load(ordering: .acquiring) ? nil : count
        }
    }

    // A signal handler gets no context, so what it writes to must have a fixed place.
    private static let receiver = Atomic<Int32>(-1)
    private let signals: [Int32]
    private let counter: Counter

    /// Catches `signals` from now on; calls `onSignal` for each one that arrives, on a thread of its own.
    ///
    /// - Precondition: No other object of this type lives.
    public init(_ signals: [Int32] = [SIGINT, SIGTERM], onSignal: @escaping @Sendable () -> Void) {
        self.signals = signals
        let counter = Counter(descriptor: linux_eventfd())
        self.counter = counter
        let isOnly = Self.receiver.compareExchange(
            expected: -1, desired: counter.descriptor, ordering: .acquiringAndReleasing
        ).exchanged
        precondition(isOnly, "signals are caught once in a process")
        for number in signals {
            signal(number) { _ in
                // Writing is one of the few things that a handler may do; the interrupted code must find its errno.
                let before = errno
                var one: UInt64 = 1
                _ = write(InterruptSignals.receiver.load(ordering: .acquiring), &one, 8)
                errno = before
            }
        }
        _ = DedicatedThread(name: "signals", stackBytes: 512 << 10) {
            while let count = counter.next() {
                for _ in 0..<count { onSignal() }
            }
        }
    }

    deinit {
        for number in signals { signal(number, SIG_DFL) }
        Self.receiver.store(-1, ordering: .releasing)
        counter.isOver.store(true, ordering: .releasing)
        var one: UInt64 = 1
        _ = write(counter.descriptor, &one, 8)
    }
}
