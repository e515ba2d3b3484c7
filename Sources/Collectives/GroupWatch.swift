import Messaging
import Synchronization

/// Who takes part in a generation, and whether it may go on.
final class GroupWatch: Sendable {
    let mailbox: SegmentMailbox
    /// This side's rank.
    let rank: Int
    let members: [PeerID]
    /// The members as people know them.
    let names: [String]
    let generation: UInt32
    /// The longest wait without any progress.
    let deadline: Duration
    private let cancellation = Mutex<String?>(nil)

    init(
        mailbox: SegmentMailbox, rank: Int, members: [PeerID], names: [String], generation: UInt32, deadline: Duration
    ) {
        self.mailbox = mailbox
        self.rank = rank
        self.members = members
        self.names = names
        self.generation = generation
        self.deadline = deadline
    }

    /// A member as people know it.
    func name(of member: PeerID) -> String? { members.firstIndex(of: member).map { names[$0] } }

    /// Makes `check` throw from now on.
    func cancel(reason: String) {
        cancellation.withLock { $0 = $0 ?? reason }
        // Wakes the thread that waits for its inbox. A closed transport wakes it by itself.
        try? mailbox.transport.send([Frame([])], to: mailbox.transport.id)
    }

    /// Throws when the group was cancelled or a member is lost.
    func check(_ position: Position) throws(CollectiveError) {
        if let reason = cancellation.withLock({ $0 }) { throw .cancelled(reason: reason) }
        if let loss = mailbox.loss(among: members), let lost = members.firstIndex(of: loss.peer) {
            throw .peerLost(
                rank: rank, peer: names[lost], reason: loss.reason, step: position.step, bucket: position.bucket)
        }
    }

    /// Takes what has arrived meanwhile, keeps it for its turn, and checks.
    func look(_ position: Position) throws(CollectiveError) {
        do throws(TransportError) {
            try mailbox.poll(notBefore: position)
        } catch {
            throw .transport(error)
        }
        try check(position)
    }
}
