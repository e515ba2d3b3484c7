import Messaging

/// Carries out plans over a transport, segment by segment as data arrives; confined to the thread that sums.
final class PlanExecutor {
    /// The memory of one all-reduce.
    struct Bucket {
        let partials: [ShardNode: UnsafeMutablePointer<Float>]
        let result: UnsafeMutablePointer<Float>
    }

    /// Payloads up to this size are copied, so that nobody has to wait until they are sent.
    private static let largestCopied = 16 << 10

    private let mailbox: SegmentMailbox
    private let members: [PeerID]
    private let ranks: [PeerID: Int]
    private let root: ShardNode
    private let ledger: LoanLedger
    private var scratch = Scratch()
    private var stack: [UnsafeRawPointer] = []
    private var operands: [UnsafeRawPointer] = []

    init(mailbox: SegmentMailbox, members: [PeerID], root: ShardNode, ledger: LoanLedger) {
        self.mailbox = mailbox
        self.members = members
        ranks = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($0.element, $0.offset) })
        self.root = root
        self.ledger = ledger
    }

    /// Starts the all-reduce: does all that needs nothing from others, and takes what arrived early.
    func start(_ plan: PreparedPlan, _ bucket: Bucket, at position: Position) throws(TransportError) {
        plan.reset()
        scratch.prepare(for: plan, root: root)
        for stage in plan.stages.indices where plan.stages[stage].plan.receives.isEmpty {
            for segment in 0..<plan.stages[stage].segments {
                try work(on: segment, of: stage, plan, bucket, at: position)
            }
        }
        for segment in mailbox.takeEarly(at: position) { try accept(segment, plan, bucket, at: position) }
    }

    /// Takes in one segment; true when it was wanted.
    @discardableResult
    func accept(
        _ segment: SegmentMailbox.Segment, _ plan: PreparedPlan, _ bucket: Bucket, at position: Position
    ) throws(TransportError) -> Bool {
        guard let rank = ranks[segment.sender] else {
            mailbox.drop(from: segment.sender, because: "its sender is no member of generation \(position.generation)")
            return false
        }
        let ready: (stage: Int, segment: Int)?
        do throws(PreparedPlan.Unwanted) {
            ready = try plan.place(segment.payload, segment.header, from: rank)
        } catch {
            mailbox.drop(from: segment.sender, because: error.reason)
            return false
        }
        if let ready { try work(on: ready.segment, of: ready.stage, plan, bucket, at: position) }
        return true
    }

    /// Sums one segment of a stage, for which everything is there, and sends what the stage sends.
    private func work(
        on segment: Int, of index: Int, _ plan: PreparedPlan, _ bucket: Bucket, at position: Position
    ) throws(TransportError) {
        let stage = plan.stages[index]
        let range = stage.range(of: segment)
        let destination = stage.plan.result.flatMap { $0 == root ? bucket.result : scratch.memory(for: $0) }
        if let sum = stage.sum, let destination {
            let frames = segment * stage.plan.receives.count
            operands.removeAll(keepingCapacity: true)
            for (node, slot) in zip(stage.plan.operands, stage.operandSlots) {
                if let slot, let address = stage.frames[frames + slot]?.address {
                    operands.append(address)
                } else if let partial = bucket.partials[node] {
                    operands.append(UnsafeRawPointer(partial + range.lowerBound))
                }
            }
            sum.run(
                operands, into: destination + range.lowerBound, count: range.count, scratch: scratch.blocks,
                stack: &stack)
            for slot in stage.plan.receives.indices { stage.frames[frames + slot] = nil }
        }
        stage.missing[segment] = -1
        plan.unfinished -= 1
        for transfer in stage.plan.sends {
            let isResult = transfer.node == stage.plan.result
            guard let source = isResult ? destination : bucket.partials[transfer.node] else { continue }
            try send(transfer, source, range, at: position)
        }
    }

    private func send(
        _ transfer: Plan.Transfer, _ source: UnsafeMutablePointer<Float>, _ range: Range<Int>, at position: Position
    ) throws(TransportError) {
        let header = SegmentHeader(
            runID: mailbox.runID, position: position, phase: transfer.phase, node: transfer.node,
            offset: range.lowerBound, count: range.count)
        let bytes = UnsafeRawBufferPointer(start: source + range.lowerBound, count: range.count * 4)
        let payload =
            bytes.count <= Self.largestCopied
            ? Frame(copying: bytes) : Frame(borrowing: bytes, owner: ledger.lend(to: transfer.peer))
        try mailbox.transport.send([header.frame, payload], to: members[transfer.peer])
    }
}

/// Memory for sums under way: blocks for `TreeSum`, and whole buckets for results that only travel on.
private struct Scratch: ~Copyable {
    private(set) var blocks = UnsafeMutablePointer<Float>.allocate(capacity: TreeSum.block)
    private var blockCount = 1
    private var buckets: [ShardNode: UnsafeMutableBufferPointer<Float>] = [:]

    /// Makes room for `plan`; the memory is kept for the next one.
    mutating func prepare(for plan: PreparedPlan, root: ShardNode) {
        for stage in plan.stages {
            if let needed = stage.sum?.scratchBlocks, needed > blockCount {
                blocks.deallocate()
                blocks = .allocate(capacity: needed * TreeSum.block)
                blockCount = needed
            }
            guard let node = stage.plan.result, node != root else { continue }
            if (buckets[node]?.count ?? 0) < stage.plan.range.upperBound {
                buckets[node]?.deallocate()
                buckets[node] = .allocate(capacity: stage.plan.range.upperBound)
            }
        }
    }

    func memory(for node: ShardNode) -> UnsafeMutablePointer<Float>? { buckets[node]?.baseAddress }

    deinit {
        blocks.deallocate()
        for bucket in buckets.values { bucket.deallocate() }
    }
}
