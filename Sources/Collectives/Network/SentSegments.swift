import Messaging

/// What has been sent and may have to be sent again, because it can arrive damaged.
///
/// A sum cannot end anywhere before all partial sums have arrived where they are needed, so these are wanted again only
/// while the sum lasts. Results may be wanted longer, but only until their receiver has begun the next sum: before, no
/// other result can come to lie in their place.
struct SentSegments {
    /// Where a segment's elements are.
    enum Source {
        case memory(UnsafePointer<Float>)
        case copy(Frame)
    }

    private struct Key: Hashable {
        let header: SegmentHeader
        let rank: Int
    }

    private var positions: [(position: Position, segments: [Key: Source])] = []
    /// For how many sums results are kept: a peer that lags behind is at most in the sum before this one, and a step has
    /// some buckets.
    private static let kept = 2

    /// Begins a sum.
    mutating func begin(_ position: Position) {
        if positions.count == Self.kept { positions.removeFirst() }
        positions.append((position, [:]))
    }

    /// Notes what is sent.
    mutating func record(_ header: SegmentHeader, to rank: Int, from source: UnsafePointer<Float>) {
        positions[positions.count - 1].segments[Key(header: header, rank: rank)] = .memory(source)
    }

    /// Ends a sum: partial sums are not wanted any more, and results are copied when their memory will change.
    mutating func finish(keepingMemory: Bool) {
        guard var last = positions.popLast() else { return }
        last.segments = last.segments.filter { $0.key.header.phase == .allGather || $0.key.header.phase == .broadcast }
        if !keepingMemory {
            for case (let key, .memory(let source)) in last.segments {
                last.segments[key] = .copy(
                    Frame(copying: UnsafeRawBufferPointer(start: source, count: key.header.count * 4)))
            }
        }
        positions.append(last)
    }

    /// The segment that a request of `rank` asks for; nil when there is none.
    func find(_ request: SegmentHeader, to rank: Int) -> Source? {
        let key = Key(header: request.withoutRequest, rank: rank)
        return positions.lazy.compactMap { $0.segments[key] }.first
    }
}
