import Foundation
import Messaging
import Testing
import Threading

@Suite("Shared memory")
struct SharedMemoryTests {
    @Test("whoever opens a region sees what its maker writes, also after the door is closed")
    func sharing() throws {
        let made = try SharedRegion(creating: 10_000)
        let opened = try SharedRegion(opening: made.offer)
        made.closeDoor()
        made.base.storeBytes(of: 42, toByteOffset: 9992, as: Int.self)
        #expect(opened.base != made.base)
        #expect(opened.base.load(fromByteOffset: 9992, as: Int.self) == 42)
        opened.base.storeBytes(of: 7, as: Int.self)
        #expect(made.base.load(as: Int.self) == 7)
    }

    @Test("a region has no name in /dev/shm, so nothing is left however its users end")
    func leavesNothing() throws {
        let before = Set(try FileManager.default.contentsOfDirectory(atPath: "/dev/shm"))
        let region = try SharedRegion(creating: 1 << 20)
        let during = Set(try FileManager.default.contentsOfDirectory(atPath: "/dev/shm"))
        #expect(!during.subtracting(before).contains { $0.contains("convoy") })
        withExtendedLifetime(region) {}
    }

    @Test("a region that is gone or another one is refused")
    func refused() throws {
        let region = try SharedRegion(creating: 100)
        let other = SharedRegion.Offer(
            pid: region.offer.pid, descriptor: region.offer.descriptor, count: 100, token: region.offer.token ^ 1)
        let path = "/proc/\(other.pid)/fd/\(other.descriptor)"
        let error = #expect(throws: TransportError.self) { _ = try SharedRegion(opening: other) }
        #expect(error?.description == "opening shared memory at \(path) failed: it is not the memory that was offered")
        let wrongSize = SharedRegion.Offer(
            pid: region.offer.pid, descriptor: region.offer.descriptor, count: 99, token: region.offer.token)
        #expect(throws: TransportError.self) { _ = try SharedRegion(opening: wrongSize) }
        let nobody = SharedRegion.Offer(pid: .max, descriptor: 3, count: 100, token: 1)
        let missing = #expect(throws: TransportError.self) { _ = try SharedRegion(opening: nobody) }
        #expect(
            missing?.description
                == "opening shared memory at /proc/2147483647/fd/3 failed: no such file or directory")
    }

    @Test("a counter reaches targets over the end of its range")
    func wrapping() throws {
        let region = try SharedRegion(creating: SharedCounter.size)
        let counter = SharedCounter(at: region.base)
        #expect(counter.hasReached(0))
        #expect(!counter.hasReached(1))
        counter.advance(to: .max)
        #expect(counter.hasReached(.max - 5))
        #expect(!counter.hasReached(0))
        counter.add(3)
        #expect(counter.hasReached(2))
        #expect(counter.hasReached(.max))
        #expect(!counter.hasReached(3))
    }

    @Test("a view shows pages of a region in any order, twice if asked, and what is written through either")
    func view() throws {
        let page = SharedRegion.pageBytes
        let region = try SharedRegion(creating: 4 * page)
        for number in 0..<4 { region.base.storeBytes(of: number, toByteOffset: number * page, as: Int.self) }
        let view = try region.view([3 * page..<4 * page, 0..<2 * page, 3 * page..<4 * page])
        region.closeDoor()
        func numbers() -> [Int] { (0..<4).map { view.base.load(fromByteOffset: $0 * page, as: Int.self) } }
        #expect(numbers() == [3, 0, 1, 3])
        view.base.storeBytes(of: 7, as: Int.self)
        region.base.storeBytes(of: 5, toByteOffset: page, as: Int.self)
        #expect(numbers() == [7, 0, 5, 7])
        #expect(region.base.load(fromByteOffset: 3 * page, as: Int.self) == 7)
    }

    @Test("a sleeper wakes up when its target is reached, and not for good before")
    func sleeping() throws {
        let region = try SharedRegion(creating: SharedCounter.size)
        let counter = SharedCounter(at: region.base)
        #expect(!counter.sleep(until: 1, atMost: .milliseconds(1)))
        let waker = DedicatedThread(name: "waker") {
            for value in UInt32(1)...100 { counter.advance(to: value) }
        }
        for value in UInt32(1)...100 {
            while !counter.sleep(until: value, atMost: .seconds(10)) {}
        }
        waker.join()
        #expect(Patience.none.watch { counter.hasReached(100) })
        #expect(!Patience(spins: 3, yields: 3).watch { counter.hasReached(101) })
    }

    @Test("every part of every loop is taken once")
    func loops() throws {
        let region = try SharedRegion(creating: SharedLoop.size + SharedCounter.size)
        let loop = SharedLoop(at: region.base)
        let done = SharedCounter(at: region.base + SharedLoop.size)
        let taken = BlockingQueue<[Int]>()
        let threads = (0..<4).map { number in
            DedicatedThread(name: "thread-\(number)") {
                var target: UInt32 = 0
                for round in UInt32(1)...50 {
                    let count = Int(round) % 7
                    while let part = loop.take(of: round, count: count) {
                        taken.push([Int(round), part])
                    }
                    // Nobody begins the next loop before all are done with this one.
                    target += 4
                    done.add(1)
                    while !done.sleep(until: target, atMost: .seconds(10)) {}
                }
            }
        }
        for thread in threads { thread.join() }
        let expected = (1...50).flatMap { round in (0..<round % 7).map { [round, $0] } }
        taken.close()
        var found: [[Int]] = []
        while case .element(let part) = taken.pop() { found.append(part) }
        #expect(found.sorted { $0.lexicographicallyPrecedes($1) } == expected)
    }
}
