import Messaging

/// How much may be on its way to each peer: credit-based flow control in bytes.
///
/// A sender counts what it has sent and the receiver has not taken in yet; beyond the window, segments wait here until the
/// receiver grants more. So neither the network's queues nor the memory of a receiver that lags behind fill up, however
/// large a bucket is. What is sent again after damage does not count.
///
/// Confined to the thread that sums; shared by all sums of a group.
final class SendWindow {
    /// A segment that is to be sent.
    struct Segment {
        let header: SegmentHeader
        let source: UnsafePointer<Float>
    }

    private final class Flow {
        /// Sent, and not granted again.
        var outstanding = 0
        /// Taken in, and not granted yet.
        var taken = 0
        var waiting: [Segment] = []
        /// How many of `waiting` have been sent.
        var sent = 0
    }

    /// Into how many grants a window is cut.
    ///
    /// They come back behind what the receiver sends itself, so many small ones keep both directions evenly filled.
    private static let grants = 16

    private let bytes: Int
    private var flows: [PeerID: Flow] = [:]

    /// A window of `bytes` for each peer; the last segment in it may reach beyond.
    init(bytes: Int) { self.bytes = bytes }

    /// The peers for whom segments wait.
    var blocked: [PeerID] { flows.filter { !$0.value.waiting.isEmpty }.map(\.key) }

    /// Puts a segment behind those that wait for `peer`.
    func append(_ segment: Segment, for peer: PeerID) { flow(peer).waiting.append(segment) }

    /// The next segment that may be sent to `peer`.
    func next(for peer: PeerID) -> Segment? {
        let flow = flow(peer)
        guard flow.outstanding < bytes, flow.sent < flow.waiting.count else { return nil }
        let segment = flow.waiting[flow.sent]
        flow.sent += 1
        if flow.sent == flow.waiting.count {
            flow.waiting.removeAll(keepingCapacity: true)
            flow.sent = 0
        }
        return segment
    }

    /// Counts what has been sent to `peer`.
    func send(_ count: Int, to peer: PeerID) { flow(peer).outstanding += count }

    /// Counts what `peer` has taken in.
    func grant(_ count: Int, by peer: PeerID) { flow(peer).outstanding -= count }

    /// Counts what has come from `peer` and was taken in; how much to grant it now, if that is worth a message.
    func take(_ count: Int, from peer: PeerID) -> Int? {
        let flow = flow(peer)
        flow.taken += count
        guard flow.taken * Self.grants >= bytes else { return nil }
        defer { flow.taken = 0 }
        return flow.taken
    }

    /// Forgets what waits, after a failure.
    func clear() {
        for flow in flows.values {
            flow.waiting = []
            flow.sent = 0
        }
    }

    private func flow(_ peer: PeerID) -> Flow {
        if let flow = flows[peer] { return flow }
        let flow = Flow()
        flows[peer] = flow
        return flow
    }
}
