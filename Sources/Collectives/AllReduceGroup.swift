import Messaging
import Synchronization

/// The workers of one generation, who sum their gradients with one another.
///
/// The group lasts until membership changes or a call fails; after an error it is of no more use, because the ranks no
/// longer agree on what has been sent.
///
/// - Determinism: the result is the sum up the shard tree of the shards' gradients, so its bits depend neither on the
///   number of ranks nor on the algorithm nor on timing.
public final class AllReduceGroup: @unchecked Sendable {  // One thread sums at a time, checked by `status`.
    private enum Status {
        case idle(last: Position?)
        case busy
        case ended(cause: String)
    }

    /// This side's rank.
    public let rank: Int
    /// The shard tree.
    public let tree: ShardTree
    /// The shards of each rank.
    public let shards: [Range<Int>]
    private let mailbox: SegmentMailbox
    private let members: [PeerID]
    private let names: [String]
    private let generation: UInt32
    private let algorithm: any AllReduceAlgorithm
    private let deadline: Duration
    private let segmentElements: Int
    private let ledger: LoanLedger
    private let executor: PlanExecutor
    private var plans: [Int: PreparedPlan] = [:]
    private let status = Mutex(Status.idle(last: nil))
    private let cancellation = Mutex<String?>(nil)

    /// Makes the group of a generation.
    ///
    /// - Parameters:
    ///   - mailbox: On a transport that has dialled all other members, or been dialled by them.
    ///   - rank: This side's index in `members`.
    ///   - members: The peers by rank; the same on every rank, like all parameters below.
    ///   - names: The members as people know them, as in `worker 1 (host b, pid 42)`.
    ///   - generation: Grows with each change of membership.
    ///   - algorithm: How to sum.
    ///   - shards: The contiguous shards of each rank, from 0 on.
    ///   - deadline: The longest wait without any progress.
    ///   - segmentElements: Into how large parts buckets are cut, so that sending and adding overlap.
    /// - Precondition: `members`, `names` and `shards` have one entry for each rank; `shards` follow one another.
    public init(
        mailbox: SegmentMailbox, rank: Int, members: [PeerID], names: [String], generation: UInt32,
        algorithm: any AllReduceAlgorithm, shards: [Range<Int>], deadline: Duration, segmentElements: Int = 1 << 16
    ) {
        precondition(members.indices.contains(rank), "rank \(rank) is not one of \(members.count) members")
        precondition(names.count == members.count, "\(names.count) names for \(members.count) members")
        precondition(shards.count == members.count, "shards for \(shards.count) of \(members.count) members")
        precondition(segmentElements > 0, "a segment needs elements")
        var next = 0
        for range in shards {
            precondition(range.lowerBound == next, "shards \(range) do not follow shard \(next)")
            next = range.upperBound
        }
        self.mailbox = mailbox
        self.rank = rank
        self.members = members
        self.names = names
        self.generation = generation
        self.algorithm = algorithm
        self.shards = shards
        self.deadline = deadline
        self.segmentElements = segmentElements
        tree = ShardTree(shards: next)
        ledger = LoanLedger(ranks: members.count)
        executor = PlanExecutor(mailbox: mailbox, members: members, root: tree.root, ledger: ledger)
        mailbox.begin(generation: generation)
    }

    /// The partial sums that this rank brings to each call of `sum`.
    public var ownNodes: [ShardNode] { tree.maximalNodes(in: shards[rank]) }

    /// Sums a bucket over all shards; returns when the result is there and the memory is free again.
    ///
    /// Memory is lent to the transport without copies while the call lasts. It waits for all of it before it returns or
    /// throws, so the caller may overwrite partial sums and result at once. The one exception is `.notSent`, thrown when
    /// a peer takes nothing for a whole further deadline: then the memory must stay as it is until the process ends.
    ///
    /// - Parameters:
    ///   - step: The step; with `bucket` it must grow from call to call, in the same way on every rank.
    ///   - bucket: The bucket within the step.
    ///   - partials: `count` floats for each of `ownNodes`.
    ///   - count: The number of elements, the same on every rank.
    ///   - result: Room for `count` floats; may be the memory of one of the partial sums.
    /// - Throws: `CollectiveError`.
    public func sum(
        step: UInt64, bucket: UInt32, partials: [ShardNode: UnsafeMutablePointer<Float>], count: Int,
        into result: UnsafeMutablePointer<Float>
    ) throws(CollectiveError) {
        for node in ownNodes { precondition(partials[node] != nil, "the partial sum of \(node) is missing") }
        let position = Position(generation: generation, step: step, bucket: bucket)
        try enter(position)
        let plan = prepared(count)
        var failure: CollectiveError?
        do throws(CollectiveError) {
            try exchange(plan, .init(partials: partials, result: result), at: position)
        } catch {
            failure = error
        }
        plan.releaseFrames()
        do throws(CollectiveError) {
            try settle(after: failure, at: position)
            if let failure { throw failure }
            status.withLock { $0 = .idle(last: position) }
        } catch {
            status.withLock { $0 = .ended(cause: (failure ?? error).description) }
            throw error
        }
    }

    /// Makes a running or the next `sum` throw `.cancelled` soon; from any thread.
    public func cancel(reason: String) {
        cancellation.withLock { $0 = $0 ?? reason }
        // Wakes the thread that waits for its inbox. A closed transport wakes it by itself.
        try? mailbox.transport.send([Frame([])], to: mailbox.transport.id)
    }

    private func enter(_ position: Position) throws(CollectiveError) {
        let cause: String? = status.withLock { status in
            switch status {
            case .ended(let cause):
                return cause
            case .busy:
                preconditionFailure("two threads sum in the same group")
            case .idle(let last):
                if let last { precondition(last < position, "step and bucket must grow from call to call") }
                status = .busy
                return nil
            }
        }
        if let cause { throw .ended(cause: cause) }
    }

    private func prepared(_ count: Int) -> PreparedPlan {
        if let plan = plans[count] { return plan }
        let plan = PreparedPlan(
            algorithm.plan(rank: rank, shards: shards, tree: tree, count: count), segmentElements: segmentElements)
        plans[count] = plan
        return plan
    }

    /// Works on whatever arrives until the plan is done.
    private func exchange(
        _ plan: PreparedPlan, _ bucket: PlanExecutor.Bucket, at position: Position
    ) throws(CollectiveError) {
        try check(position)
        try carrying { () throws(TransportError) in try executor.start(plan, bucket, at: position) }
        var patience = ContinuousClock.now + deadline
        while plan.unfinished > 0 {
            let delivery = try carrying { () throws(TransportError) in try mailbox.next(at: position, until: patience) }
            switch delivery {
            case .segment(let segment):
                let isWanted = try carrying { () throws(TransportError) in
                    try executor.accept(segment, plan, bucket, at: position)
                }
                if isWanted { patience = .now + deadline }
            case .lost, .woken:
                try check(position)
            case .nothing:
                throw timeout(plan, position)
            }
        }
    }

    /// Turns the transport's errors into the group's.
    private func carrying<Result>(_ body: () throws(TransportError) -> Result) throws(CollectiveError) -> Result {
        do throws(TransportError) {
            return try body()
        } catch {
            throw .transport(error)
        }
    }

    private func check(_ position: Position) throws(CollectiveError) {
        if let reason = cancellation.withLock({ $0 }) { throw .cancelled(reason: reason) }
        if let loss = mailbox.loss(among: members), let lost = members.firstIndex(of: loss.peer) {
            throw .peerLost(
                rank: rank, peer: names[lost], reason: loss.reason, step: position.step, bucket: position.bucket)
        }
    }

    private func timeout(_ plan: PreparedPlan, _ position: Position) -> CollectiveError {
        guard let missing = plan.missing() else { return .ended(cause: "the plan waits for nobody") }
        return .timedOut(
            rank: rank, waited: deadline, peers: missing.ranks.map { names[$0] }, phase: missing.phase,
            step: position.step, bucket: position.bucket, received: missing.received, expected: missing.expected)
    }

    /// Waits until no lent memory is in use any more.
    ///
    /// After a failure some peer may take nothing for long: then its connection is given up, which drops what is queued.
    private func settle(after failure: CollectiveError?, at position: Position) throws(CollectiveError) {
        let end = ContinuousClock.now + deadline
        if failure != nil {
            let grace = min(end, ContinuousClock.now + .seconds(1))
            for holder in ledger.settle(until: grace) { mailbox.transport.disconnect(from: members[holder]) }
        }
        let holders = ledger.settle(until: end)
        guard holders.isEmpty else {
            throw .notSent(
                rank: rank, waited: deadline, peers: holders.map { names[$0] }, step: position.step,
                bucket: position.bucket, cause: failure?.description)
        }
    }
}
