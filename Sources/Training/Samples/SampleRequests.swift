import Messaging
import Threading

/// Which samples are wanted, which are under way and which have come.
///
/// What is under way and what has come take up the credit. Who needs a sample at once gets it whatever the credit says,
/// so samples that were fetched too early hold nobody up.
final class SampleRequests: @unchecked Sendable {  // All state is behind `condition`.
    /// As many samples travel in one message, where there are enough.
    private static let group = 16

    private let condition = Condition()
    private let transport: any Transport
    private let server: PeerID
    private let credit: Int
    private var wanted: [SampleKey] = []
    private var underWay: Set<SampleKey> = []
    private var arrived: [SampleKey: ArrivedSample] = [:]
    private var asksForDescription = false
    private var description: SampleReply?
    /// Whether requests may have been lost with a connection.
    private var isLost = false

    init(_ transport: any Transport, server: PeerID, credit: Int) {
        precondition(credit >= 1, "a stream needs credit for a sample")
        self.transport = transport
        self.server = server
        self.credit = credit
    }

    func want(_ keys: [SampleKey]) {
        condition.withLock {
            wanted += keys
            spendCredit()
        }
    }

    func forget(_ keys: [SampleKey]) {
        condition.withLock {
            let keys = Set(keys)
            wanted.removeAll { keys.contains($0) }
            underWay.subtract(keys)
            for key in keys { arrived[key] = nil }
            spendCredit()
        }
    }

    /// Takes an answer in; samples that nobody asked for are dropped.
    func take(_ frames: [Frame]) {
        guard let reply: SampleReply = SampleCodec.read(frames.first) else { return }
        condition.withLock {
            var pixels = frames.dropFirst()
            for answer in reply.answers {
                let content = answer.content == nil ? nil : pixels.popFirst()
                guard underWay.remove(answer.sample) != nil else { continue }
                arrived[answer.sample] = ArrivedSample(answer: answer, pixels: content)
            }
            if asksForDescription, reply.answers.isEmpty { description = reply }
            condition.broadcast()
        }
    }

    /// Waits for a sample, asking for it if nobody has; nil when `deadline` has passed.
    func wait(for key: SampleKey, until deadline: ContinuousClock.Instant) -> ArrivedSample? {
        condition.withLock {
            while true {
                if let found = arrived.removeValue(forKey: key) {
                    spendCredit()
                    return found
                }
                if !underWay.contains(key) {
                    wanted.removeAll { $0 == key }
                    send([key])
                }
                if !condition.wait(until: deadline) { return nil }
            }
        }
    }

    func waitForDescription(until deadline: ContinuousClock.Instant) -> SampleReply? {
        condition.withLock {
            asksForDescription = true
            post(SampleRequest())
            while description == nil { if !condition.wait(until: deadline) { break } }
            asksForDescription = false
            return description
        }
    }

    /// The connection is gone, and with it perhaps requests or answers.
    func lose() { condition.withLock { isLost = true } }

    /// Asks again for what was lost; a sample that comes twice is taken once.
    func repeatIfLost() {
        condition.withLock {
            guard isLost else { return }
            isLost = false
            if asksForDescription { post(SampleRequest()) }
            let keys = Array(underWay)
            for start in stride(from: 0, to: keys.count, by: Self.group) {
                send(Array(keys[start..<min(start + Self.group, keys.count)]))
            }
        }
    }

    /// Asks for wanted samples as far as the credit goes, in whole groups.
    private func spendCredit() {
        while !wanted.isEmpty {
            let count = min(Self.group, credit, wanted.count)
            guard credit - underWay.count - arrived.count >= count else { return }
            let next = wanted.prefix(count).filter { !underWay.contains($0) && arrived[$0] == nil }
            wanted.removeFirst(count)
            if !next.isEmpty { send(next) }
        }
    }

    private func send(_ keys: [SampleKey]) {
        underWay.formUnion(keys)
        post(SampleRequest(keys))
    }

    private func post(_ request: SampleRequest) {
        // A request that is lost shows as a sample that does not come.
        if let frame = try? SampleCodec.frame(request) { try? transport.send([frame], to: server) }
    }
}
