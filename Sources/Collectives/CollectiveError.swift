import Messaging

/// Why an all-reduce failed.
///
/// The group is of no more use then; the survivors form a new generation.
public enum CollectiveError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing came from `peers` for the whole deadline.
    case timedOut(
        rank: Int, waited: Duration, peers: [String], phase: Plan.Phase, step: UInt64, bucket: UInt32, received: Int,
        expected: Int)
    /// `peers` did not come to the sum in shared memory for the whole deadline; without a step, they did not open it.
    case absent(rank: Int, waited: Duration, peers: [String], step: UInt64?, bucket: UInt32?)
    /// Another worker of this host offers shared memory for something else.
    case differentLayout(peer: String)
    /// The connection to a member ended or cannot be made.
    case peerLost(rank: Int, peer: String, reason: String, step: UInt64, bucket: UInt32)
    /// Another thread called `cancel`.
    case cancelled(reason: String)
    /// The group failed before, with the first cause.
    case ended(cause: String)
    /// `peers` made no room for what is to be sent to them for the whole deadline, though all that they send is here.
    case notTaken(rank: Int, waited: Duration, peers: [String], step: UInt64, bucket: UInt32)
    /// Data lent to the transport was not read in time, so the memory is not free; `cause` when the sum had failed before.
    case notSent(rank: Int, waited: Duration, peers: [String], step: UInt64, bucket: UInt32, cause: String?)
    /// The transport refused a call.
    case transport(TransportError)

    /// One sentence: who waited for whom in what, and how to mend it.
    public var description: String {
        switch self {
        case .timedOut(let rank, let waited, let peers, let phase, let step, let bucket, let received, let expected):
            """
            rank \(rank) waited \(waited.text) for \(peers.joined(separator: " and ")) in \(phase) of step \(step), \
            bucket \(bucket): received \(received) of \(expected) segments; see whether it still runs and can be \
            reached, or raise the all-reduce deadline
            """
        case .absent(let rank, let waited, let peers, let step?, let bucket?):
            """
            rank \(rank) waited \(waited.text) for \(peers.joined(separator: " and ")) in the shared memory of step \
            \(step), bucket \(bucket); see whether it still runs, or raise the all-reduce deadline
            """
        case .absent(let rank, let waited, let peers, _, _):
            """
            rank \(rank) waited \(waited.text) for \(peers.joined(separator: " and ")) to open shared memory; see \
            whether it still runs, or set allreduce.shared_memory to false
            """
        case .differentLayout(let peer):
            """
            \(peer) offers shared memory of another size than this worker needs; all workers must build the same model
            """
        case .peerLost(let rank, let peer, let reason, let step, let bucket):
            """
            rank \(rank) lost \(peer) in step \(step), bucket \(bucket): \(reason); the step has to be done again \
            without it
            """
        case .cancelled(let reason):
            "the all-reduce was cancelled: \(reason)"
        case .ended(let cause):
            "the group has failed before and cannot be used again (\(cause)); form a new generation"
        case .notTaken(let rank, let waited, let peers, let step, let bucket):
            """
            rank \(rank) waited \(waited.text) for \(peers.joined(separator: " and ")) to take in sums of step \(step), \
            bucket \(bucket); see whether it still runs and can be reached, or raise the all-reduce deadline
            """
        case .notSent(let rank, let waited, let peers, let step, let bucket, let cause):
            """
            rank \(rank) waited \(waited.text) for \(peers.joined(separator: " and ")) to take data of step \(step), \
            bucket \(bucket)\(cause.map { ", after: \($0)" } ?? ""); its memory is still in use, so end this process
            """
        case .transport(let error):
            error.description
        }
    }
}
