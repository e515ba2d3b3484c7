import CLinux
import Glibc
import Synchronization

/// How long to stay awake for something that another process is about to do.
package struct Patience: Sendable {
    /// Looks with a pause of the CPU between them.
    package let spins: Int
    /// Looks with the CPU left to others between them, after that.
    package let yields: Int

    package init(spins: Int, yields: Int) {
        self.spins = spins
        self.yields = yields
    }

    /// Does not stay awake at all.
    package static let none = Patience(spins: 0, yields: 0)

    /// Looks whether `isThere` as long as patience lasts; false when it was not.
    @inlinable package func watch(_ isThere: () -> Bool) -> Bool {
        if isThere() { return true }
        for _ in 0..<spins {
            linux_pause()
            if isThere() { return true }
        }
        for _ in 0..<yields {
            sched_yield()
            if isThere() { return true }
        }
        return false
    }
}

/// A counter in shared memory that only grows and that other processes wait for.
///
/// It counts modulo 2³²; a target is reached when the counter is at it or less than 2³¹ beyond. What a process wrote
/// before it moved the counter is seen by those who find the target reached.
package struct SharedCounter: @unchecked Sendable {  // Both words are atomic; the owner keeps the memory mapped.
    /// The bytes of a counter: no two share a cache line, nor the pair of lines that is fetched together.
    package static let size = 128

    private let value: UnsafeMutablePointer<Atomic<UInt32>>
    private let sleepers: UnsafeMutablePointer<Atomic<UInt32>>

    /// The counter in `size` bytes at `memory`, which are zero when it is first used.
    package init(at memory: UnsafeMutableRawPointer) {
        value = memory.bindMemory(to: Atomic<UInt32>.self, capacity: 1)
        sleepers = (memory + 64).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
    }

    /// Whether the counter has reached `target`.
    package func hasReached(_ target: UInt32) -> Bool {
        Int32(bitPattern: value.pointee.load(ordering: .acquiring) &- target) >= 0
    }

    /// Sets the counter; for counters that one process moves.
    package func advance(to new: UInt32) {
        // Sequentially consistent, so that either this side sees the sleeper or the sleeper sees the value.
        value.pointee.store(new, ordering: .sequentiallyConsistent)
        wakeSleepers()
    }

    /// Adds to the counter; for counters that several processes move.
    package func add(_ count: UInt32) {
        value.pointee.wrappingAdd(count, ordering: .sequentiallyConsistent)
        wakeSleepers()
    }

    /// Sleeps until `target` is reached, at most for `limit`; false when it was not reached.
    package func sleep(until target: UInt32, atMost limit: Duration) -> Bool {
        sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        let current = value.pointee.load(ordering: .sequentiallyConsistent)
        if Int32(bitPattern: current &- target) >= 0 { return true }
        let (seconds, attoseconds) = limit.components
        linux_futex_wait(value, current, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        return hasReached(target)
    }

    private func wakeSleepers() {
        if sleepers.pointee.load(ordering: .sequentiallyConsistent) > 0 { linux_futex_wake_all(value) }
    }
}

/// Hands out the parts of one loop after another to processes that share memory, each part once.
package struct SharedLoop: @unchecked Sendable {  // The word is atomic; the owner keeps the memory mapped.
    /// The bytes of a loop.
    package static let size = 128

    /// The number of the loop in the upper half, how many of its parts are taken in the lower half.
    private let word: UnsafeMutablePointer<Atomic<UInt64>>

    /// The loop in `size` bytes at `memory`, which are zero when it is first used.
    package init(at memory: UnsafeMutableRawPointer) {
        word = memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
    }

    /// Takes one of the `count` parts of loop `number`; nil when none is left.
    ///
    /// Numbers differ from one loop to the next, and nobody takes parts of a loop before all are done with the last.
    package func take(of number: UInt32, count: Int) -> Int? {
        var seen = word.pointee.load(ordering: .relaxed)
        while true {
            let taken = UInt32(truncatingIfNeeded: seen >> 32) == number ? Int(seen & 0xffff_ffff) : 0
            if taken >= count { return nil }
            let result = word.pointee.compareExchange(
                expected: seen, desired: UInt64(number) << 32 | UInt64(taken + 1), ordering: .acquiringAndReleasing)
            if result.exchanged { return taken }
            seen = result.original
        }
    }
}
