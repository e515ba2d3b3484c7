import Foundation
import Messaging
import Synchronization
import Testing
import Threading

@Suite("Transport contract")
struct TransportContractTests {
    @Test(
        "messages arrive whole and in order, also those sent before the connection stands",
        arguments: NetworkKind.allCases)
    func order(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer {
            a.close()
            b.close()
        }
        try a.dial(b)
        for number in 0..<500 { try a.send([Frame(number), Frame([]), Frame(-number)], to: "b") }
        for number in 0..<500 {
            let message = try b.message()
            #expect(message.sender == "a")
            #expect(message.frames == [Array("\(number)".utf8), [], Array("\(-number)".utf8)])
        }
    }

    @Test("one dialled connection carries messages both ways", arguments: NetworkKind.allCases)
    func bothDirections(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer {
            a.close()
            b.close()
        }
        #expect(a.address == nil)
        try a.dial(b)
        try a.send([Frame([1])], to: "b")
        #expect(try b.message().frames == [[1]])
        try b.send([Frame([2])], to: "a")
        let answer = try a.message()
        #expect(answer.sender == "b")
        #expect(answer.frames == [[2]])
    }

    @Test("peers that dial each other hear each other", arguments: NetworkKind.allCases)
    func mutualDialling(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a"), try network.endpoint("b"))
        defer {
            a.close()
            b.close()
        }
        try a.dial(b)
        try b.dial(a)
        try a.dial(b)
        for number in 0..<20 {
            try a.send([Frame(number)], to: "b")
            try b.send([Frame(number)], to: "a")
        }
        for number in 0..<20 {
            #expect(try a.message().frames == [Array("\(number)".utf8)])
            #expect(try b.message().frames == [Array("\(number)".utf8)])
        }
    }

    @Test("a message to oneself lands in the own inbox", arguments: NetworkKind.allCases)
    func toOneself(kind: NetworkKind) throws {
        let a = try TestNetwork(kind).endpoint("a")
        defer { a.close() }
        try a.send([Frame([7])], to: "a")
        let message = try a.message()
        #expect(message.sender == "a")
        #expect(message.frames == [[7]])
    }

    @Test("lent memory of 8 MB arrives unchanged and is released", arguments: NetworkKind.allCases)
    func largeFrames(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer {
            a.close()
            b.close()
        }
        try a.dial(b)
        let released = Released()
        // A pattern whose length is no divisor of any buffer's, so that displaced bytes show.
        let pattern = Data((0..<4099).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
        var data = Data()
        while data.count < 8 << 20 { data.append(pattern) }
        let expected = data
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: data.count, alignment: 64)
        defer { block.deallocate() }
        data.copyBytes(to: block)
        for _ in 0..<3 {
            try a.send([Frame([1]), Frame(borrowing: UnsafeRawBufferPointer(block), owner: Lease(released))], to: "b")
        }
        for _ in 0..<3 {
            let isEqual = try b.await { event in
                if case .message(_, let frames) = event { frames[1].data == expected } else { nil }
            }
            #expect(isEqual)
        }
        #expect(released.wait(for: 3))
    }

    @Test("many peers are told apart", arguments: NetworkKind.allCases)
    func manyPeers(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let hub = try network.endpoint("hub")
        let peers = try (0..<16).map { try network.endpoint(PeerID("peer-\($0)"), listens: false) }
        defer { for transport in peers + [hub] { transport.close() } }
        for (number, peer) in peers.enumerated() {
            try peer.dial(hub)
            try peer.send([Frame(number)], to: "hub")
        }
        for _ in peers {
            let message = try hub.message()
            #expect(message.sender.name.dropFirst(5).utf8.elementsEqual(message.frames[0]))
            try hub.send([Frame(Array(message.sender.name.utf8))], to: message.sender)
        }
        for peer in peers { #expect(try peer.message().frames == [Array(peer.id.name.utf8)]) }
    }

    @Test("a peer that nobody knows is unreachable", arguments: NetworkKind.allCases)
    func unknownPeer(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        for listens in [true, false] {
            let a = try network.endpoint("a", listens: listens)
            try a.send([Frame([1])], to: "nobody")
            #expect(try a.unreachability(of: "nobody") == "there is no connection to nobody")
            a.close()
        }
    }

    @Test("the dialling side learns at once that its peer is gone", arguments: NetworkKind.allCases)
    func deathSeenByDialler(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer { a.close() }
        try a.dial(b)
        try a.send([Frame([1])], to: "b")
        _ = try b.message()
        let start = ContinuousClock.now
        network.kill(b)
        try a.disconnection(of: "b")
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test("the listening side learns at once that its peer is gone", arguments: NetworkKind.allCases)
    func deathSeenByListener(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer { b.close() }
        try a.dial(b)
        try a.send([Frame([1])], to: "b")
        _ = try b.message()
        network.kill(a)
        try b.disconnection(of: "a")
        // What libzmq knows of the peer goes a moment after its news.
        var reason: String?
        while reason == nil {
            try b.send([Frame([2])], to: "a")
            reason = try b.receive(until: .now + .milliseconds(5)).flatMap { event in
                if case .unreachable("a", let reason) = event { reason } else { nil }
            }
        }
        #expect(reason == "there is no connection to a")
    }

    @Test("what a peer says before it closes arrives, and before the news of its end", arguments: NetworkKind.allCases)
    func lastWords(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        for _ in 0..<25 {
            let hub = try network.endpoint("hub")
            let peers = try (0..<8).map { try network.endpoint(PeerID("peer-\($0)"), listens: false) }
            defer { for peer in peers { peer.close() } }
            for peer in peers {
                try peer.dial(hub)
                try peer.send([Frame([1])], to: "hub")
            }
            for _ in peers { _ = try hub.message() }
            for peer in peers { try hub.send([Frame([2])], to: peer.id) }
            hub.close()
            for peer in peers {
                let words: [[UInt8]]? = try peer.await { event in
                    switch event {
                    case .message("hub", let frames): .some(frames.map(\.bytes))
                    case .disconnected("hub"): .some(nil)
                    default: nil
                    }
                }
                #expect(words == [[2]])
            }
        }
    }

    @Test("a peer may come back under its name", arguments: NetworkKind.allCases)
    func comingBack(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let b = try network.endpoint("b")
        defer { b.close() }
        for round in 0..<5 {
            let a = try network.endpoint("a", listens: false)
            try a.dial(b)
            try a.send([Frame(round)], to: "b")
            #expect(try b.message().frames == [Array("\(round)".utf8)])
            try b.send([Frame(round)], to: "a")
            #expect(try a.message().frames == [Array("\(round)".utf8)])
            network.kill(a)
            try b.disconnection(of: "a")
        }
    }

    @Test("after disconnect nothing goes through the connection any more", arguments: NetworkKind.allCases)
    func disconnect(kind: NetworkKind) throws {
        let network = TestNetwork(kind)
        let (a, b) = (try network.endpoint("a", listens: false), try network.endpoint("b"))
        defer {
            a.close()
            b.close()
        }
        try a.dial(b)
        try a.send([Frame([1])], to: "b")
        _ = try b.message()
        a.disconnect(from: "b")
        try b.disconnection(of: "a")
        try a.send([Frame([2])], to: "b")
        #expect(try a.unreachability(of: "b") == "there is no connection to b")
        try a.dial(b)
        try a.send([Frame([3])], to: "b")
        #expect(try b.message().frames == [[3]])
    }

    @Test("closing wakes those who receive", arguments: NetworkKind.allCases)
    func closeWhileReceiving(kind: NetworkKind) throws {
        let a = try TestNetwork(kind).endpoint("a")
        let errors = BlockingQueue<TransportError>()
        let threads = (0..<2).map { number in
            DedicatedThread(name: "receive-\(number)") {
                do throws(TransportError) {
                    _ = try a.receive(until: .now + .seconds(20))
                } catch {
                    errors.push(error)
                }
            }
        }
        a.close()
        for thread in threads { #expect(thread.join(until: .now + .seconds(5))) }
        #expect(errors.count == 2)
        #expect(throws: TransportError.closed("a")) { try a.send([Frame([1])], to: "b") }
        #expect(throws: TransportError.closed("a")) { try a.connect(to: "b", at: "tcp://127.0.0.1:9") }
        #expect(throws: TransportError.closed("a")) { try a.receive(until: .now) }
        a.close()
    }

    @Test("waking ends a wait in receive, with an empty message from oneself", arguments: NetworkKind.allCases)
    func wake(kind: NetworkKind) throws {
        let a = try TestNetwork(kind).endpoint("a")
        defer { a.close() }
        let senders = BlockingQueue<PeerID?>()
        let thread = DedicatedThread(name: "receive") {
            let event = try? a.receive(until: .now + .seconds(20))
            if case .message(let sender, let frames)? = event, frames.map(\.count) == [0] {
                senders.push(sender)
            } else {
                senders.push(nil)
            }
        }
        a.wake()
        #expect(thread.join(until: .now + .seconds(30)))
        guard case .element(let sender) = senders.pop() else { return #expect(Bool(false)) }
        #expect(sender == a.id)
        a.close()
        a.wake()
    }

    @Test("receive returns nil at its deadline", arguments: NetworkKind.allCases)
    func deadline(kind: NetworkKind) throws {
        let a = try TestNetwork(kind).endpoint("a")
        defer { a.close() }
        #expect(try a.receive(until: .now + .milliseconds(10)) == nil)
    }
}

/// Counts released leases.
final class Released: Sendable {
    private let queue = BlockingQueue<Bool>()

    func add() { queue.push(true) }

    func wait(for count: Int) -> Bool {
        (0..<count).allSatisfy { _ in
            if case .element = queue.pop(until: .now + .seconds(10)) { true } else { false }
        }
    }
}

/// The owner of a borrowed frame.
final class Lease {
    private let released: Released
    init(_ released: Released) { self.released = released }
    deinit { released.add() }
}
