import Messaging
import Synchronization

/// A message that a mailbox did not pass on, with the reason.
public struct DroppedMessage: Sendable, CustomStringConvertible {
    /// Who sent it.
    public let sender: PeerID
    /// Why it was dropped.
    public let reason: String

    /// One sentence.
    public var description: String { "a message of \(sender) was dropped because \(reason)" }
}

/// Sorts a transport's inbox into the segments of the current all-reduce, later ones, and what belongs to none.
///
/// One mailbox lasts as long as its transport, over all generations: faster peers may be in the next step or
/// generation already, and their segments wait here for their turn. The transport's inbox belongs to the mailbox alone.
public final class SegmentMailbox: Sendable {
    struct Segment: Sendable {
        let sender: PeerID
        let header: SegmentHeader
        let payload: Frame
    }

    enum Delivery: Sendable {
        case segment(Segment)
        /// A segment that did not arrive as it was sent.
        case damaged(PeerID, SegmentHeader)
        /// A peer asks for a segment of this or an earlier sum, which it got damaged.
        case request(PeerID, SegmentHeader)
        case lost(PeerID, reason: String)
        /// A peer lets this side send more.
        case grant
        /// A worker of this host has told where the generation's shared memory is.
        case offer
        case woken
        case nothing
    }

    private struct State {
        var early: [Position: [Segment]] = [:]
        var lost: [PeerID: String] = [:]
        /// The newest offer of shared memory of each peer.
        var offers: [PeerID: HostOffer] = [:]
        /// Requests to send something again that nobody has answered yet.
        var requests: [(peer: PeerID, header: SegmentHeader)] = []
        /// What peers have granted and nobody has counted yet, by generation.
        var grants: [UInt32: [PeerID: Int]] = [:]
        var dropped = 0
    }

    let transport: any Transport
    let runID: UInt64
    private let onDrop: @Sendable (DroppedMessage) -> Void
    private let state = Mutex(State())

    /// A mailbox on `transport` for the run `runID`.
    ///
    /// - Parameter onDrop: Called, on the thread that sums, for each message that is dropped: for the log.
    public init(
        transport: any Transport, runID: UInt64, onDrop: @escaping @Sendable (DroppedMessage) -> Void = { _ in }
    ) {
        self.transport = transport
        self.runID = runID
        self.onDrop = onDrop
    }

    /// How many messages have been dropped: of other runs or generations, malformed, or sent twice.
    public var droppedCount: Int { state.withLock { $0.dropped } }

    /// Counts and reports a message that nobody wants.
    func drop(from sender: PeerID, because reason: String) {
        state.withLock { $0.dropped += 1 }
        onDrop(DroppedMessage(sender: sender, reason: reason))
    }

    /// Begins a generation: takes all news so far, keeps the segments for it and forgets losses of the time before.
    ///
    /// A member that died meanwhile is noticed when something is sent to it.
    func begin(generation: UInt32) {
        try? poll(notBefore: Position(generation: generation, step: 0, bucket: 0))
        state.withLock { $0.lost = [:] }
    }

    /// Takes all news so far and keeps what counts at `position` or later.
    func poll(notBefore position: Position) throws(TransportError) {
        while let event = try transport.receive(until: .now) {
            switch sort(event, notBefore: position) {
            case .segment(let segment): keep(segment)
            case .damaged(let peer, let header): try transport.send(header.request, to: peer)
            case .request(let peer, let header): state.withLock { $0.requests.append((peer, header)) }
            default: break
            }
        }
    }

    /// The shared memory that `peer` has offered for `generation`.
    func offer(of peer: PeerID, generation: UInt32) -> SharedRegion.Offer? {
        state.withLock { state in
            guard let offer = state.offers[peer], offer.generation == generation else { return nil }
            return offer.region
        }
    }

    /// Why the connection to the first lost one of `members` ended; nil when all are there.
    func loss(among members: [PeerID]) -> (peer: PeerID, reason: String)? {
        state.withLock { state in
            if state.lost.isEmpty { return nil }
            for member in members {
                if let reason = state.lost[member] { return (member, reason) }
            }
            return nil
        }
    }

    /// Takes the segments that arrived before `position` was reached, and forgets those before it.
    func takeEarly(at position: Position) -> [Segment] {
        let (segments, stale) = state.withLock { state in
            let segments = state.early.removeValue(forKey: position) ?? []
            let stale = state.early.filter { $0.key < position }
            for key in stale.keys { state.early[key] = nil }
            return (segments, stale.values.joined())
        }
        for segment in stale { drop(from: segment.sender, because: Self.lateness(segment.header.position, position)) }
        return segments
    }

    /// Takes the requests to send something again that came between two sums.
    func takeRequests() -> [(peer: PeerID, header: SegmentHeader)] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    /// Takes the bytes that peers have granted in `generation`, and forgets the grants of those before.
    func takeGrants(of generation: UInt32) -> [PeerID: Int] {
        state.withLock { state in
            defer { state.grants = state.grants.filter { $0.key > generation } }
            return state.grants[generation] ?? [:]
        }
    }

    /// The next thing that matters to the all-reduce at `position`, waiting until `deadline`.
    func next(at position: Position, until deadline: ContinuousClock.Instant) throws(TransportError) -> Delivery {
        while let event = try transport.receive(until: deadline) {
            guard let delivery = sort(event, notBefore: position) else { continue }
            if case .segment(let segment) = delivery, segment.header.position != position {
                keep(segment)
            } else {
                return delivery
            }
        }
        return .nothing
    }

    /// What an event means at `position`; nil when it is of no use.
    private func sort(_ event: TransportEvent, notBefore position: Position) -> Delivery? {
        switch event {
        case .message(let sender, let frames):
            if sender == transport.id { return .woken }
            if let offer = HostOffer(frames), offer.runID == runID {
                state.withLock { $0.offers[sender] = offer }
                return .offer
            }
            if let grant = CreditGrant(frames), grant.runID == runID {
                state.withLock { $0.grants[grant.generation, default: [:]][sender, default: 0] += grant.bytes }
                return .grant
            }
            return sort(frames, of: sender, notBefore: position)
        case .connected:
            return nil
        case .disconnected(let peer):
            return lost(peer, because: "its connection ended")
        case .unreachable(let peer, let reason):
            return lost(peer, because: reason)
        }
    }

    private func lost(_ peer: PeerID, because reason: String) -> Delivery {
        state.withLock { $0.lost[peer] = reason }
        return .lost(peer, reason: reason)
    }

    /// Keeps a segment for its turn.
    func keep(_ segment: Segment) {
        state.withLock { $0.early[segment.header.position, default: []].append(segment) }
    }

    /// What a message of a peer means; nil, and dropped, when it is none of this run or comes too late.
    private func sort(_ frames: [Frame], of sender: PeerID, notBefore position: Position) -> Delivery? {
        let header: SegmentHeader
        do throws(MalformedSegment) {
            header = try SegmentHeader(frames)
        } catch {
            drop(from: sender, because: error.reason)
            return nil
        }
        guard header.runID == runID else {
            drop(from: sender, because: "it belongs to run \(header.runID) and this is run \(runID)")
            return nil
        }
        if header.isRequest { return SegmentHeader.isIntact(frames) ? .request(sender, header) : nil }
        guard header.position >= position else {
            drop(from: sender, because: Self.lateness(header.position, position))
            return nil
        }
        guard SegmentHeader.isIntact(frames) else {
            drop(from: sender, because: "its checksum is wrong; it is asked for again")
            return .damaged(sender, header)
        }
        return .segment(Segment(sender: sender, header: header, payload: frames[1]))
    }

    private static func lateness(_ late: Position, _ now: Position) -> String {
        late.generation != now.generation
            ? "it is of generation \(late.generation) and this is generation \(now.generation)"
            : "it is of step \(late.step), bucket \(late.bucket), which is done"
    }
}
