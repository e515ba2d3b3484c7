import Collectives
import Messaging
import Synchronization
import Tensors
import Testing

@Suite("Damaged segments")
struct DamageTests {
    /// A transport that flips a bit of some of the payloads it sends.
    private final class DamagingTransport: Transport {
        private let base: any Transport
        private let random: Mutex<RandomStream>
        let damaged = Mutex(0)
        var id: PeerID { base.id }
        var address: String? { base.address }

        init(_ base: any Transport, seed: UInt64) {
            self.base = base
            random = Mutex(RandomStream(seed: seed))
        }

        func connect(to peer: PeerID, at address: String, connections: Int) throws(TransportError) {
            try base.connect(to: peer, at: address, connections: connections)
        }
        func disconnect(from peer: PeerID) { base.disconnect(from: peer) }
        func receive(until deadline: ContinuousClock.Instant) throws(TransportError) -> TransportEvent? {
            try base.receive(until: deadline)
        }
        func close() { base.close() }

        func send(_ frames: [Frame], to peer: PeerID) throws(TransportError) {
            var frames = frames
            let place = random.withLock { $0.integer(below: 4) == 0 ? $0.integer(below: 1 << 20) : nil }
            let isLast = (try? SegmentHeader(frames).position.step == 3) ?? false
            if let place, !isLast, frames.count == 2, frames[1].count > 0 {
                var bytes = frames[1].bytes
                bytes[place % bytes.count] ^= 16
                frames[1] = Frame(bytes)
                damaged.withLock { $0 += 1 }
            }
            try base.send(frames, to: peer)
        }
    }

    @Test(
        "segments that arrive damaged are sent again, and the bits are right",
        arguments: AlgorithmCatalog.all.map { $0.name })
    func sentAgain(algorithm: String) throws {
        let ranks = 4
        let transports = try connectedTransports(ranks, overZeroMQ: false).enumerated().map {
            DamagingTransport($0.element, seed: UInt64($0.offset))
        }
        defer { for transport in transports { transport.close() } }
        let counts = [1, 500, 2000]
        let results = onThreads(ranks) { rank in
            let group = try makeGroup(
                rank: rank, ranks: ranks, mailbox: SegmentMailbox(transport: transports[rank], runID: 5),
                algorithm: algorithm)
            let sums = try (0..<3).map { step in
                try counts.enumerated().map { bucket, count in
                    try group.summed(
                        step: UInt64(step), bucket: UInt32(bucket), count: count, inPlace: step == 1)
                }
            }
            // A rank that leaves could not repeat what it sent last, so the last sum is spared.
            _ = try group.summed(step: 3, count: 4)
            return sums
        }
        for result in results {
            for (step, sums) in try result.get().enumerated() {
                for (bucket, sum) in sums.enumerated() {
                    let expected = plainSum(
                        ShardNode(0, ranks), step: UInt64(step), bucket: UInt32(bucket), count: counts[bucket])
                    #expect(sum.bits == expected.bits)
                }
            }
        }
        #expect(transports.reduce(0) { sum, transport in sum + transport.damaged.withLock { $0 } } > 10)
    }
}
