import Glibc
import Synchronization
import Tensors
import Testing
import Threading

@Suite("Thread pool")
struct ThreadPoolTests {
    /// Runs a loop and tells how often each part ran.
    private func counts(_ pool: ThreadPool, _ parts: Int) -> [Int32] {
        var counts = [Int32](repeating: 0, count: parts)
        counts.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let shared = SharedPointer(base)
            pool.run(parts) { shared.base[$0] += 1 }
        }
        return counts
    }

    @Test("runs each part once", arguments: [1, 2, 4], [0, 1, 2, 3, 7, 1000])
    func onceEach(threads: Int, parts: Int) {
        let pool = ThreadPool(threads: threads)
        #expect(counts(pool, parts) == Array(repeating: 1, count: parts))
    }

    @Test("many small loops one after another run each part once", arguments: [1, 2, 4])
    func manyLoops(threads: Int) {
        let pool = ThreadPool(threads: threads)
        for loop in 0..<3000 {
            let parts = 2 + loop % 5
            let counts = counts(pool, parts)
            if counts != Array(repeating: 1, count: parts) {
                Issue.record("loop \(loop): \(counts)")
                return
            }
        }
    }

    @Test("each thread has a place of its own in the pool, the caller the first", arguments: [1, 2, 4])
    func places(threads: Int) {
        let pool = ThreadPool(threads: threads)
        let other = ThreadPool(threads: 2)
        #expect(pool.currentThread == 0)
        let found = BlockingQueue<(thread: UInt, place: Int)>()
        // Parts wait for one another, so that each thread takes one.
        let arrived = Atomic(0)
        pool.run(threads) { _ in
            arrived.add(1, ordering: .acquiringAndReleasing)
            while arrived.load(ordering: .acquiring) < threads { sched_yield() }
            found.push((UInt(pthread_self()), pool.currentThread))
            precondition(other.currentThread == 0, "a thread of one pool has no place in another")
        }
        found.close()
        var places: [UInt: Int] = [:]
        while case .element(let entry) = found.pop() { places[entry.thread] = entry.place }
        #expect(places.values.sorted() == Array(0..<threads))
        #expect(places[UInt(pthread_self())] == 0)
    }

    @Test("each thread begins with a share of its own, the same in each loop", arguments: [1, 2, 3], [1, 2, 5])
    func shares(threads: Int, each: Int) {
        let pool = ThreadPool(threads: threads)
        for _ in 0..<100 {
            let first = BlockingQueue<(part: Int, place: Int)>()
            // First parts wait for one another, so that nobody helps out with them.
            let arrived = Atomic(0)
            pool.run(threads * each) { part in
                guard part % each == 0 else { return }
                arrived.add(1, ordering: .acquiringAndReleasing)
                while arrived.load(ordering: .acquiring) < threads { sched_yield() }
                first.push((part, pool.currentThread))
            }
            first.close()
            while case .element(let (part, place)) = first.pop() {
                if part != place * each {
                    Issue.record("thread \(place) began with part \(part)")
                    return
                }
            }
        }
    }

    @Test("who has nothing left to do helps the others")
    func helps() {
        let pool = ThreadPool(threads: 2)
        let parts = 8
        let done = Atomic(0)
        // The first part of the second share waits for all others, those of its own thread's share among them.
        pool.run(parts) { part in
            if part == parts / 2 { while done.load(ordering: .acquiring) < parts - 1 { sched_yield() } }
            done.add(1, ordering: .acquiringAndReleasing)
        }
        #expect(done.load(ordering: .acquiring) == parts)
    }

    @Test("two pools work at the same time")
    func twoPools() {
        let outer = ThreadPool(threads: 2)
        let inner = (0..<4).map { _ in ThreadPool(threads: 2) }
        var sums = [Int32](repeating: 0, count: 4)
        sums.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let shared = SharedPointer(base)
            outer.run(4) { part in
                for _ in 0..<100 {
                    let counts = counts(inner[part], 3)
                    shared.base[part] += counts.reduce(0, +)
                }
            }
        }
        #expect(sums == [300, 300, 300, 300])
    }

    @Test("parts of a number are neighbours of almost equal lengths, whatever the threads", arguments: [1, 2, 3])
    func numberedParts(threads: Int) throws {
        let engine = try Engine(threads: threads)
        for (count, parts) in [(0, 1), (1, 1), (8, 8), (9, 8), (17, 3), (2, 5)] {
            let ranges = BlockingQueue<(part: Int, range: Range<Int>)>()
            engine.split(count, parts: parts) { ranges.push(($0, $1)) }
            ranges.close()
            var found: [Int: Range<Int>] = [:]
            while case .element(let (part, range)) = ranges.pop() { found[part] = range }
            let sorted = found.sorted { $0.key < $1.key }.map(\.value)
            #expect(sorted.count == parts)
            #expect(sorted.flatMap(Array.init) == Array(0..<count))
            #expect(sorted.allSatisfy { abs($0.count - count / parts) <= 1 })
        }
    }

    @Test("parts of a split cover the range without overlap and depend on the sizes alone", arguments: [1, 2])
    func split(threads: Int) throws {
        let engine = try Engine(threads: threads)
        for (count, grain) in [(0, 4), (1, 4), (4, 4), (5, 4), (17, 3), (3, 0)] {
            var visits = [Int32](repeating: 0, count: count + 1)
            visits.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                let shared = SharedPointer(base)
                engine.split(count, grain: grain) { range in
                    precondition(range.count <= max(grain, 1) && range.lowerBound % max(grain, 1) == 0)
                    for index in range { shared.base[index] += 1 }
                }
            }
            #expect(visits == Array(repeating: 1, count: count) + [0], "\(count) by \(grain)")
        }
    }
}
