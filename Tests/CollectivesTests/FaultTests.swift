import Collectives
import Foundation
import Messaging
import Synchronization
import Testing
import Threading

@Suite("All-reduce faults")
struct FaultTests {
    private let network = InMemoryNetwork()

    private func mailbox(_ transport: any Transport, log: Log = Log()) -> SegmentMailbox {
        SegmentMailbox(transport: transport, runID: 5) { log.add($0.description) }
    }

    @Test("a timeout names rank, peers, phase, step, bucket and progress")
    func timeout() throws {
        let transports = try connectedTransports(3, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(
            rank: 0, ranks: 3, mailbox: mailbox(transports[0]), deadline: .milliseconds(50), segmentElements: 10)
        // Rank 1 sends one of the four segments of rank 0's slice, rank 2 nothing.
        let header = SegmentHeader(
            runID: 5, position: Position(generation: 1, step: 12, bucket: 3), phase: .reduceScatter,
            node: ShardNode(1, 2), offset: 10, count: 10)
        try transports[1].send(header.message(Frame([UInt8](repeating: 0, count: 40))), to: "worker-0")
        let error = #expect(throws: CollectiveError.self) { try group.summed(step: 12, bucket: 3, count: 120) }
        #expect(
            error?.description == """
                rank 0 waited 50 ms for worker 1 (host b, pid 41) and worker 2 (host c, pid 42) in reduce-scatter of \
                step 12, bucket 3: received 1 of 8 segments; see whether it still runs and can be reached, or raise the \
                all-reduce deadline
                """)
    }

    @Test("a lost peer ends the sum at once, and the group with it", arguments: [false, true])
    func lostPeer(overZeroMQ: Bool) throws {
        let transports = try connectedTransports(2, overZeroMQ: overZeroMQ, network: network)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(rank: 0, ranks: 2, mailbox: mailbox(transports[0]))
        let arrived = BlockingQueue<Bool>()
        let killer = DedicatedThread(name: "killer") {
            // What rank 0 sends first shows that it waits.
            while let event = try? transports[1].receive(until: .now + .seconds(10)) {
                if case .message = event { break }
            }
            arrived.push(true)
            if overZeroMQ { transports[1].close() } else { network.kill("worker-1") }
        }
        let start = ContinuousClock.now
        let error = #expect(throws: CollectiveError.self) { try group.summed(step: 3, count: 10) }
        #expect(
            error?.description == """
                rank 0 lost worker 1 (host b, pid 41) in step 3, bucket 0: its connection ended; the step has to be \
                done again without it
                """)
        #expect(ContinuousClock.now - start < .seconds(5))
        let next = #expect(throws: CollectiveError.self) { try group.summed(step: 4, count: 10) }
        #expect(
            next?.description == """
                the group has failed before and cannot be used again (\(error?.description ?? "")); form a new generation
                """)
        killer.join()
    }

    @Test("cancelling wakes a sum that waits", arguments: [false, true])
    func cancel(overZeroMQ: Bool) throws {
        let transports = try connectedTransports(2, overZeroMQ: overZeroMQ, network: network)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(rank: 0, ranks: 2, mailbox: mailbox(transports[0]))
        let canceller = DedicatedThread(name: "canceller") {
            while let event = try? transports[1].receive(until: .now + .seconds(10)) {
                if case .message = event { break }
            }
            group.cancel(reason: "worker 1 left")
        }
        let error = #expect(throws: CollectiveError.self) { try group.summed(step: 3, count: 10) }
        #expect(error == .cancelled(reason: "worker 1 left"))
        #expect(error?.description == "the all-reduce was cancelled: worker 1 left")
        canceller.join()
    }

    @Test("a cancelled group does not start another sum")
    func cancelledBefore() throws {
        let transport = try network.endpoint("worker-0")
        let group = try makeGroup(rank: 0, ranks: 1, mailbox: mailbox(transport))
        group.cancel(reason: "the run ends")
        group.cancel(reason: "again")
        #expect(throws: CollectiveError.cancelled(reason: "the run ends")) { try group.summed(step: 0, count: 4) }
        let next = #expect(throws: CollectiveError.self) { try group.summed(step: 1, count: 4) }
        #expect(next == .ended(cause: "the all-reduce was cancelled: the run ends"))
    }

    @Test("what belongs to another run, generation or step, or to nobody, is dropped and told")
    func dropped() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let stranger = try network.endpoint("stranger")
        try stranger.connect(to: "worker-0", at: "memory-0")
        let log = Log()
        let box = mailbox(transports[0], log: log)
        let now = Position(generation: 2, step: 7, bucket: 0)
        func header(
            run: UInt64 = 5, _ position: Position, phase: Plan.Phase = .reduceScatter, node: ShardNode = .init(1, 2),
            offset: Int = 0, count: Int = 2
        ) -> SegmentHeader {
            SegmentHeader(runID: run, position: position, phase: phase, node: node, offset: offset, count: count)
        }
        let payload = Frame([UInt8](repeating: 0xff, count: 8))
        let wrong: [(PeerID, [Frame], String)] = [
            ("worker-1", header(run: 4, now).message(payload), "it belongs to run 4 and this is run 5"),
            (
                "worker-1", header(Position(generation: 1, step: 7, bucket: 0)).message(payload),
                "it is of generation 1 and this is generation 2"
            ),
            (
                "worker-1", header(Position(generation: 2, step: 6, bucket: 9)).message(payload),
                "it is of step 6, bucket 9, which is done"
            ),
            (
                "worker-1", header(now, offset: 1).message(payload),
                "nobody waits for elements 1..<3 of shards 1..<2 from it in reduce-scatter"
            ),
            (
                "worker-1", header(now, count: 1).message(payload), "it announces 1 elements and carries 8 bytes"
            ),
            (
                "worker-1", header(now, node: ShardNode(0, 1)).message(payload),
                "nobody waits for elements 0..<2 of shards 0..<1 from it in reduce-scatter"
            ),
            ("worker-1", [payload, payload, payload], "it has 3 frames instead of 2"),
            ("worker-1", [payload, payload], "its header has 8 bytes instead of 60"),
            ("stranger", header(now).message(payload), "its sender is no member of generation 2"),
        ]
        for (sender, frames, _) in wrong {
            try (sender == "stranger" ? stranger : transports[1]).send(frames, to: "worker-0")
        }
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: rank == 0 ? box : SegmentMailbox(transport: transports[1], runID: 5),
                generation: 2)
            return try group.summed(step: 7, count: 4)
        }
        for result in results {
            #expect(try result.get().bits == plainSum(ShardNode(0, 2), step: 7, bucket: 0, count: 4).bits)
        }
        // What arrives before its generation begins is judged then, the rest in the sum.
        #expect(log.lines.sorted() == wrong.map { "a message of \($0.0) was dropped because \($0.2)" }.sorted())
        #expect(box.droppedCount == wrong.count)
    }

    @Test("a segment that is sent twice counts once")
    func duplicate() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let log = Log()
        let box = mailbox(transports[0], log: log)
        let group = try makeGroup(rank: 0, ranks: 2, mailbox: box, deadline: .milliseconds(50))
        let header = SegmentHeader(
            runID: 5, position: Position(generation: 1, step: 0, bucket: 0), phase: .reduceScatter,
            node: ShardNode(1, 2), offset: 0, count: 2)
        for _ in 0..<2 {
            try transports[1].send(header.message(Frame([UInt8](repeating: 0, count: 8))), to: "worker-0")
        }
        #expect(throws: CollectiveError.self) { try group.summed(step: 0, count: 4) }
        #expect(log.lines == ["a message of worker-1 was dropped because it was sent twice"])
    }

    @Test("segments of a later bucket, step or generation wait for their turn")
    func runAhead() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let log = Log()
        let boxes = transports.map { mailbox($0, log: log) }
        let count = 8
        // Rank 1's half of three all-reduces, all there before rank 0 begins the first.
        let positions = [(1, 0, 0), (1, 0, 1), (2, 0, 0)].map { Position(generation: $0.0, step: $0.1, bucket: $0.2) }
        for position in positions.reversed() {
            let values = gradient(ofShard: 1, step: position.step, bucket: position.bucket, count: count)
            let sum = plainSum(ShardNode(0, 2), step: position.step, bucket: position.bucket, count: count)
            let parts: [(Plan.Phase, ShardNode, [Float], Int)] = [
                (.reduceScatter, ShardNode(1, 2), Array(values[..<4]), 0),
                (.allGather, ShardNode(0, 2), Array(sum[4...]), 4),
            ]
            for (phase, node, elements, offset) in parts {
                let header = SegmentHeader(
                    runID: 5, position: position, phase: phase, node: node, offset: offset, count: 4)
                try transports[1].send(
                    header.message(elements.withUnsafeBytes { Frame(copying: $0) }), to: "worker-0")
            }
        }
        for generation in UInt32(1)...2 {
            let group = try makeGroup(rank: 0, ranks: 2, mailbox: boxes[0], generation: generation)
            for position in positions where position.generation == generation {
                let sum = try group.summed(step: position.step, bucket: position.bucket, count: count)
                let expected = plainSum(
                    ShardNode(0, 2), step: position.step, bucket: position.bucket, count: count)
                #expect(sum.bits == expected.bits)
            }
        }
        #expect(log.lines.isEmpty)
    }

    @Test("memory that a peer never takes is reported as still in use")
    func notSent() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(
            rank: 0, ranks: 2, mailbox: mailbox(transports[0]), deadline: .milliseconds(30), segmentElements: 8192)
        let error = #expect(throws: CollectiveError.self) { try group.summed(step: 1, count: 20_000) }
        guard case .notSent(let rank, _, let peers, 1, 0, let cause?) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(rank == 0)
        #expect(peers == [name(ofRank: 1)])
        #expect(cause.hasPrefix("rank 0 waited 30 ms for worker 1 (host b, pid 41) in reduce-scatter of step 1"))
        #expect(
            error?.description == """
                rank 0 waited 30 ms for worker 1 (host b, pid 41) to take data of step 1, bucket 0, after: \(cause); its \
                memory is still in use, so end this process
                """)
    }

    @Test("a peer that sends all and takes in nothing is named")
    func notTaken() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let group = try makeGroup(
            rank: 0, ranks: 2, mailbox: mailbox(transports[0]), deadline: .milliseconds(50), segmentElements: 10,
            windowBytes: 40)
        for (phase, node, lower) in [(Plan.Phase.reduceScatter, ShardNode(1, 2), 0), (.allGather, ShardNode(0, 2), 40)]
        {
            for offset in stride(from: lower, to: lower + 40, by: 10) {
                let header = SegmentHeader(
                    runID: 5, position: Position(generation: 1, step: 12, bucket: 3), phase: phase, node: node,
                    offset: offset, count: 10)
                try transports[1].send(header.message(Frame([UInt8](repeating: 0, count: 40))), to: "worker-0")
            }
        }
        let error = #expect(throws: CollectiveError.self) { try group.summed(step: 12, bucket: 3, count: 80) }
        #expect(
            error?.description == """
                rank 0 waited 50 ms for worker 1 (host b, pid 41) to take in sums of step 12, bucket 3; see whether it \
                still runs and can be reached, or raise the all-reduce deadline
                """)
        // The window had room for one segment of those that it was to send.
        var arrived = 0
        while let event = try transports[1].receive(until: .now) {
            if case .message(_, let frames) = event, frames.count == 2 { arrived += 1 }
        }
        #expect(arrived == 1)
    }

    @Test("a peer that was lost and has been connected again may be a member of the next generation")
    func reconnected() throws {
        let transports = try connectedTransports(2, overZeroMQ: false, network: network)
        defer { for transport in transports { transport.close() } }
        let box = mailbox(transports[0])
        let first = try makeGroup(rank: 0, ranks: 2, mailbox: box, generation: 1)
        transports[1].disconnect(from: "worker-0")
        #expect(throws: CollectiveError.self) { try first.summed(step: 0, count: 4) }
        try transports[1].connect(to: "worker-0", at: "memory-0")
        transports[0].disconnect(from: "worker-1")
        try transports[0].connect(to: "worker-1", at: "memory-1")
        let results = onThreads(2) { rank in
            let group = try makeGroup(
                rank: rank, ranks: 2, mailbox: rank == 0 ? box : SegmentMailbox(transport: transports[1], runID: 5),
                generation: 2)
            return try group.summed(step: 0, count: 4)
        }
        #expect(try results[0].get().bits == plainSum(ShardNode(0, 2), step: 0, bucket: 0, count: 4).bits)
    }
}

/// Collects log lines.
final class Log: Sendable {
    private let entries = Mutex<[String]>([])
    func add(_ line: String) { entries.withLock { $0.append(line) } }
    var lines: [String] { entries.withLock { $0 } }
}
