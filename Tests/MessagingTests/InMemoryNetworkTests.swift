import Messaging
import Testing

@Suite("In-memory network")
struct InMemoryNetworkTests {
    private let network = InMemoryNetwork()

    private func pair() throws -> (InMemoryTransport, InMemoryTransport) {
        let (a, b) = (try network.endpoint("a", at: "a"), try network.endpoint("b", at: "b"))
        try a.connect(to: "b", at: "b")
        return (a, b)
    }

    private func messages(of transport: InMemoryTransport) throws -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let event = try transport.receive(until: .now) {
            if case .message(_, let frames) = event { messages.append(frames[0].bytes) }
        }
        return messages
    }

    @Test("a dropped link loses messages one way until it is healed")
    func drop() throws {
        let (a, b) = try pair()
        network.drop(from: "a", to: "b")
        try a.send([Frame([1])], to: "b")
        try b.send([Frame([2])], to: "a")
        #expect(try messages(of: b) == [])
        #expect(try messages(of: a) == [[2]])
        network.heal()
        try a.send([Frame([3])], to: "b")
        #expect(try messages(of: b) == [[3]])
    }

    @Test("a partition cuts both ways between groups only")
    func partition() throws {
        let (a, b) = try pair()
        let c = try network.endpoint("c")
        try c.connect(to: "a", at: "a")
        try c.connect(to: "b", at: "b")
        network.partition(["a", "c"], ["b"])
        for target: PeerID in ["a", "b"] { try c.send([Frame([1])], to: target) }
        try b.send([Frame([2])], to: "a")
        #expect(try messages(of: a) == [[1]])
        #expect(try messages(of: b) == [])
    }

    @Test("held messages come in order when they are released")
    func hold() throws {
        let (a, b) = try pair()
        network.hold(from: "a", to: "b")
        for number: UInt8 in 0..<3 { try a.send([Frame([number])], to: "b") }
        #expect(try messages(of: b) == [])
        network.release(from: "a", to: "b")
        try a.send([Frame([3])], to: "b")
        #expect(try messages(of: b) == [[0], [1], [2], [3]])
    }

    @Test("a killed endpoint is closed, loses its inbox and frees its address")
    func kill() throws {
        let (a, b) = try pair()
        try a.send([Frame([1])], to: "b")
        network.kill("b")
        #expect(throws: TransportError.closed("b")) { try b.receive(until: .now) }
        #expect(throws: TransportError.closed("b")) { try b.send([Frame([1])], to: "a") }
        let second = try network.endpoint("b", at: "b")
        try a.send([Frame([2])], to: "b")
        #expect(try messages(of: second) == [[2]])
    }

    @Test("two endpoints cannot listen at one address")
    func addressInUse() throws {
        _ = try pair().0
        let c = try network.endpoint("c", at: "c")
        let error = #expect(throws: TransportError.self) { try network.endpoint("d", at: "c") }
        #expect(
            error?.description == "cannot listen at c: the address is already in use; choose another one")
        c.close()
    }
}

@Suite("Peer ids and frames")
struct PeerIDTests {
    @Test("names that ZeroMQ cannot route are refused", arguments: ["", "\0x", String(repeating: "ü", count: 128)])
    func invalid(name: String) {
        let error = #expect(throws: TransportError.self) { try PeerID(name) }
        #expect(
            error?.description
                == "\"\(name)\" is not a peer id; give it 1 to 253 bytes that do not start with a zero byte")
    }

    @Test("a frame keeps its owner until the last copy is gone")
    func owner() {
        let released = Released()
        let bytes: [UInt8] = [1, 2, 3]
        bytes.withUnsafeBytes { bytes in
            var frames = [Frame(borrowing: bytes, owner: Lease(released))]
            frames.append(frames[0])
            frames.removeFirst()
            #expect(frames[0].bytes == [1, 2, 3])
        }
        #expect(released.wait(for: 1))
    }
}
