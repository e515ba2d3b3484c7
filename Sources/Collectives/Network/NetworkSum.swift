import Messaging

/// Sums over peers that exchange segments over the transport; confined to the thread that sums.
final class NetworkSum {
    private let watch: GroupWatch
    private let tree: ShardTree
    private let algorithm: any AllReduceAlgorithm
    /// The ranks that take part, and the shards that each brings.
    private let ranks: [Int]
    private let shards: [Range<Int>]
    private let place: Int
    private let segmentElements: Int
    private let ledger: LoanLedger
    private let executor: PlanExecutor
    private struct Kind: Hashable {
        let count: Int
        let encoding: WireEncoding
    }
    private var plans: [Kind: PreparedPlan] = [:]

    /// A sum over those of the group's `ranks` that bring `shards`.
    init(
        _ watch: GroupWatch, ranks: [Int], shards: [Range<Int>], tree: ShardTree,
        algorithm: any AllReduceAlgorithm, segmentElements: Int, window: SendWindow
    ) {
        self.watch = watch
        self.ranks = ranks
        self.shards = shards
        self.tree = tree
        self.algorithm = algorithm
        self.segmentElements = segmentElements
        place = ranks.firstIndex(of: watch.rank) ?? 0
        ledger = LoanLedger(ranks: ranks.count)
        executor = PlanExecutor(
            mailbox: watch.mailbox, members: ranks.map { watch.members[$0] }, root: tree.root, ledger: ledger,
            window: window)
    }

    /// Sums `count` elements; the memory is free when this returns, but after `.notSent`.
    ///
    /// - Parameter keepsMemory: Whether the result stays where it is until a later sum puts another one there.
    func sum(
        _ partials: [ShardNode: UnsafeMutablePointer<Float>], count: Int, into result: UnsafeMutablePointer<Float>,
        keepsMemory: Bool, encoding: WireEncoding, at position: Position
    ) throws(CollectiveError) {
        let plan = prepared(Kind(count: count, encoding: encoding))
        var failure: CollectiveError?
        do throws(CollectiveError) {
            try exchange(plan, .init(partials: partials, result: result), at: position)
        } catch {
            failure = error
        }
        plan.releaseFrames()
        executor.finish(keepingMemory: keepsMemory)
        try settle(after: failure, at: position)
        if let failure { throw failure }
    }

    /// The plan for a bucket; where sums are rounded, it cuts between blocks only.
    private func prepared(_ kind: Kind) -> PreparedPlan {
        if let plan = plans[kind] { return plan }
        let unit = kind.encoding == .float32 ? 1 : WireEncoding.block
        let plan = algorithm.plan(
            rank: place, shards: shards, tree: tree, count: (kind.count + unit - 1) / unit)
        let prepared = PreparedPlan(
            plan.scaled(by: unit, count: kind.count), segmentElements: (segmentElements + unit - 1) / unit * unit,
            root: tree.root, encoding: kind.encoding)
        plans[kind] = prepared
        return prepared
    }

    /// Works on whatever arrives until the plan is done.
    private func exchange(
        _ plan: PreparedPlan, _ bucket: PlanExecutor.Bucket, at position: Position
    ) throws(CollectiveError) {
        try watch.check(position)
        try carrying { () throws(TransportError) in try executor.start(plan, bucket, at: position) }
        var patience = ContinuousClock.now + watch.deadline
        while plan.unfinished > 0 || !executor.blocked.isEmpty {
            let delivery = try carrying { () throws(TransportError) in
                try watch.mailbox.next(at: position, until: patience)
            }
            switch delivery {
            case .segment(let segment):
                let isWanted = try carrying { () throws(TransportError) in
                    try executor.accept(segment, plan, bucket, at: position)
                }
                if isWanted { patience = .now + watch.deadline }
            case .damaged(let peer, let header):
                try carrying { () throws(TransportError) in
                    try watch.mailbox.transport.send(header.request, to: peer)
                }
            case .request(let peer, let header):
                try carrying { () throws(TransportError) in try executor.repeatSegment(header, to: peer) }
            case .grant:
                try carrying { () throws(TransportError) in try executor.takeGrants(of: position.generation) }
                patience = .now + watch.deadline
            case .lost, .woken:
                try watch.check(position)
            case .offer:
                continue
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

    private func timeout(_ plan: PreparedPlan, _ position: Position) -> CollectiveError {
        guard let missing = plan.missing() else {
            return .notTaken(
                rank: watch.rank, waited: watch.deadline, peers: executor.blocked.compactMap(watch.name(of:)),
                step: position.step,
                bucket: position.bucket)
        }
        return .timedOut(
            rank: watch.rank, waited: watch.deadline, peers: missing.ranks.map { watch.names[ranks[$0]] },
            phase: missing.phase, step: position.step, bucket: position.bucket, received: missing.received,
            expected: missing.expected)
    }

    /// Waits until no lent memory is in use any more.
    ///
    /// After a failure some peer may take nothing for long: then its connection is given up, which drops what is queued.
    private func settle(after failure: CollectiveError?, at position: Position) throws(CollectiveError) {
        let end = ContinuousClock.now + watch.deadline
        if failure != nil {
            let grace = min(end, ContinuousClock.now + .seconds(1))
            for holder in ledger.settle(until: grace) {
                watch.mailbox.transport.disconnect(from: watch.members[ranks[holder]])
            }
        }
        let holders = ledger.settle(until: end)
        guard holders.isEmpty else {
            throw .notSent(
                rank: watch.rank, waited: watch.deadline, peers: holders.map { watch.names[ranks[$0]] },
                step: position.step, bucket: position.bucket, cause: failure?.description)
        }
    }
}
