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
    private let window: SendWindow
    private var sent = SentSegments()
    private var scratch = Scratch()
    private var stack: [UnsafeRawPointer] = []
    private var operands: [UnsafeRawPointer] = []

    init(mailbox: SegmentMailbox, members: [PeerID], root: ShardNode, ledger: LoanLedger, window: SendWindow) {
        self.mailbox = mailbox
        self.members = members
        ranks = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($0.element, $0.offset) })
        self.root = root
        self.ledger = ledger
        self.window = window
    }

    /// Starts the all-reduce: does all that needs nothing from others, and takes what arrived early.
    func start(_ plan: PreparedPlan, _ bucket: Bucket, at position: Position) throws(TransportError) {
        plan.reset()
        sent.begin(position)
        scratch.prepare(for: plan)
        for stage in plan.stages.indices where plan.stages[stage].plan.receives.isEmpty {
            for segment in 0..<plan.stages[stage].segments {
                try work(on: segment, of: stage, plan, bucket, at: position)
            }
        }
        try takeGrants(of: position.generation)
        for request in mailbox.takeRequests() { try repeatSegment(request.header, to: request.peer) }
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
        let ready: [PreparedPlan.Place]
        do throws(PreparedPlan.Unwanted) {
            ready = try plan.place(elements(of: segment, plan), segment.header, from: rank)
        } catch {
            mailbox.drop(from: segment.sender, because: error.reason)
            return false
        }
        for place in ready { try work(on: place.segment, of: place.stage, plan, bucket, at: position) }
        if let bytes = window.take(segment.payload.count, from: segment.sender) {
            let grant = CreditGrant(runID: mailbox.runID, generation: position.generation, bytes: bytes)
            try mailbox.transport.send([grant.frame], to: segment.sender)
        }
        return true
    }

    /// The elements of a segment as 32-bit floats.
    private func elements(
        of segment: SegmentMailbox.Segment, _ plan: PreparedPlan
    ) throws(PreparedPlan.Unwanted) -> Frame {
        guard segment.header.encoding == plan.encoding else {
            throw PreparedPlan.Unwanted(
                reason: "it is written as \(segment.header.encoding) and not as \(plan.encoding)")
        }
        guard let elements = plan.encoding.decode(segment.payload, count: segment.header.count) else {
            throw PreparedPlan.Unwanted(reason: "its elements cannot be read as \(plan.encoding)")
        }
        return elements
    }

    /// Sums one segment of a stage, for which everything is there, and sends what the stage sends.
    private func work(
        on segment: Int, of index: Int, _ plan: PreparedPlan, _ bucket: Bucket, at position: Position
    ) throws(TransportError) {
        let stage = plan.stages[index]
        let range = stage.range(of: segment)
        let destination = stage.plan.result == root ? bucket.result : scratch.memory(of: stage.layer)
        if let sum = stage.sum, let destination {
            let pieces = segment * stage.plan.receives.count
            operands.removeAll(keepingCapacity: true)
            for (node, slot) in zip(stage.plan.operands, stage.operandSlots) {
                if let slot, let piece = stage.pieces[pieces + slot] {
                    operands.append(piece.address)
                } else if let partial = bucket.partials[node] {
                    operands.append(UnsafeRawPointer(partial + range.lowerBound))
                }
            }
            sum.run(
                operands, into: destination + range.lowerBound, count: range.count,
                rounding: plan.encoding, scratch: scratch.blocks, stack: &stack)
            for slot in stage.plan.receives.indices { stage.pieces[pieces + slot] = nil }
        }
        stage.missing[segment] = -1
        plan.unfinished -= 1
        for transfer in stage.plan.sends {
            let isResult = transfer.node == stage.plan.result
            guard let source = isResult ? destination : bucket.partials[transfer.node] else { continue }
            try send(transfer, source, range, plan.encoding, at: position)
        }
    }

    private func send(
        _ transfer: Plan.Transfer, _ source: UnsafeMutablePointer<Float>, _ range: Range<Int>,
        _ encoding: WireEncoding, at position: Position
    ) throws(TransportError) {
        let header = SegmentHeader(
            runID: mailbox.runID, position: position, phase: transfer.phase, node: transfer.node,
            offset: range.lowerBound, count: range.count, encoding: encoding)
        sent.record(header, to: transfer.peer, from: source + range.lowerBound)
        window.append(.init(header: header, source: source + range.lowerBound), for: members[transfer.peer])
        try sendWaiting(to: transfer.peer)
    }

    /// Sends as much of what waits for a rank as its window has room for.
    private func sendWaiting(to rank: Int) throws(TransportError) {
        while let segment = window.next(for: members[rank]) {
            window.send(try send(segment.header, from: segment.source, to: rank), to: members[rank])
        }
    }

    /// Counts what peers have taken in, and sends what has waited for that.
    func takeGrants(of generation: UInt32) throws(TransportError) {
        for (peer, bytes) in mailbox.takeGrants(of: generation) {
            window.grant(bytes, by: peer)
            if let rank = ranks[peer] { try sendWaiting(to: rank) }
        }
    }

    /// Sends a segment; the bytes of its elements as they travel.
    private func send(
        _ header: SegmentHeader, from source: UnsafePointer<Float>, to rank: Int
    ) throws(TransportError) -> Int {
        let bytes = UnsafeRawBufferPointer(start: source, count: header.count * 4)
        let payload =
            header.encoding != .float32
            ? header.encoding.encode(source, count: header.count)
            : bytes.count <= Self.largestCopied
                ? Frame(copying: bytes) : Frame(borrowing: bytes, owner: ledger.lend(to: rank))
        try mailbox.transport.send(header.message(payload), to: members[rank])
        return payload.count
    }

    /// Sends a segment again to a peer that got it damaged.
    func repeatSegment(_ header: SegmentHeader, to peer: PeerID) throws(TransportError) {
        guard let rank = ranks[peer], let segment = sent.find(header, to: rank) else {
            mailbox.drop(from: peer, because: "it asks for a segment that it was not sent")
            return
        }
        switch segment {
        case .memory(let source): _ = try send(header.withoutRequest, from: source, to: rank)
        case .copy(let payload): try mailbox.transport.send(header.withoutRequest.message(payload), to: peer)
        }
    }

    /// The peers that have not made room yet for all that is to be sent to them.
    var blocked: [PeerID] { window.blocked }

    /// Ends a sum, after which the memory of results is the caller's again unless it `keepingMemory`.
    func finish(keepingMemory: Bool) {
        window.clear()
        sent.finish(keepingMemory: keepingMemory)
    }
}

/// Memory for sums under way: blocks for `TreeSum`, and a bucket for each layer of results that only travel on.
private struct Scratch: ~Copyable {
    private(set) var blocks = UnsafeMutablePointer<Float>.allocate(capacity: TreeSum.block)
    private var blockCount = 1
    private var layers: [UnsafeMutableBufferPointer<Float>] = []

    /// Makes room for `plan`; the memory is kept for the next one.
    mutating func prepare(for plan: PreparedPlan) {
        if let needed = plan.stages.compactMap({ $0.sum?.scratchBlocks }).max(), needed > blockCount {
            blocks.deallocate()
            blocks = .allocate(capacity: needed * TreeSum.block)
            blockCount = needed
        }
        let elements = plan.stages.map(\.plan.range.upperBound).max() ?? 0
        for layer in 0..<plan.layers {
            if layer == layers.count { layers.append(.allocate(capacity: elements)) }
            if layers[layer].count < elements {
                layers[layer].deallocate()
                layers[layer] = .allocate(capacity: elements)
            }
        }
    }

    func memory(of layer: Int?) -> UnsafeMutablePointer<Float>? { layer.flatMap { layers[$0].baseAddress } }

    deinit {
        blocks.deallocate()
        for layer in layers { layer.deallocate() }
    }
}
