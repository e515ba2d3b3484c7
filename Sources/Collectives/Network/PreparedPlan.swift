import Messaging

/// A plan for buckets of one size, cut into segments, with the state of the all-reduce that is under way.
///
/// Kept from step to step, so that a step in steady state allocates nothing here.
final class PreparedPlan {
    /// A receive of a stage.
    struct Slot {
        let stage: Int
        let index: Int
    }

    /// Received elements of one segment, within a frame.
    struct Piece {
        let frame: Frame
        let address: UnsafeRawPointer
    }

    /// A segment of a stage.
    struct Place: Equatable {
        let stage: Int
        let segment: Int
    }

    /// A stage with the frames that have arrived for it.
    final class Stage {
        let plan: Plan.Stage
        let segmentElements: Int
        let segments: Int
        /// Segments are cut at multiples of their size in the bucket, so that all stages of all ranks cut at the same
        /// elements, whatever their ranges.
        private let firstCell: Int
        let sum: TreeSum?
        /// For each operand the receive that brings it; nil for an own partial sum.
        let operandSlots: [Int?]
        /// Where results that only travel on lie, so that none overlaps another; nil when there are none.
        let layer: Int?
        /// What has arrived, by segment and receive.
        var pieces: [Piece?]
        /// How many receives each segment still needs; -1 once it has been worked on.
        var missing: [Int]
        /// How many segments each receive has brought.
        var received: [Int]

        init(_ plan: Plan.Stage, segmentElements: Int, layer: Int?) {
            self.plan = plan
            self.segmentElements = segmentElements
            self.layer = layer
            firstCell = plan.range.lowerBound / segmentElements
            segments = (plan.range.upperBound + segmentElements - 1) / segmentElements - firstCell
            sum = plan.result.map { TreeSum(to: $0, from: plan.operands) }
            operandSlots = plan.operands.map { node in plan.receives.firstIndex { $0.node == node } }
            pieces = Array(repeating: nil, count: segments * plan.receives.count)
            missing = Array(repeating: plan.receives.count, count: segments)
            received = Array(repeating: 0, count: plan.receives.count)
        }

        /// The elements of a segment.
        func range(of segment: Int) -> Range<Int> {
            let cell = firstCell + segment
            return max(
                cell * segmentElements, plan.range.lowerBound)..<min(
                    (cell + 1) * segmentElements, plan.range.upperBound)
        }

        /// The segment whose elements lie all in `elements`, which are of one cell; nil when there is none.
        func segment(in elements: Range<Int>) -> Int? {
            guard plan.range.overlaps(elements) else { return nil }
            let segment = elements.lowerBound / segmentElements - firstCell
            return elements.contains(range(of: segment)) ? segment : nil
        }
    }

    let stages: [Stage]
    /// How elements travel.
    let encoding: WireEncoding
    /// Where a transfer that comes in belongs: what one rank sends at once may be of several stages here.
    private let slots: [Plan.Transfer: [Slot]]
    /// How many buckets of memory the stages' layers need.
    let layers: Int
    /// How many segments have not been worked on yet.
    var unfinished = 0

    init(_ plan: Plan, segmentElements: Int, root: ShardNode, encoding: WireEncoding) {
        self.encoding = encoding
        var slots: [Plan.Transfer: [Slot]] = [:]
        var layers: [[Range<Int>]] = []
        stages = plan.stages.enumerated().map { number, stage in
            for (index, transfer) in stage.receives.enumerated() {
                slots[transfer, default: []].append(Slot(stage: number, index: index))
            }
            var layer: Int?
            if let result = stage.result, result != root {
                let free = layers.firstIndex { taken in !taken.contains { $0.overlaps(stage.range) } } ?? layers.count
                if free == layers.count { layers.append([]) }
                layers[free].append(stage.range)
                layer = free
            }
            return Stage(stage, segmentElements: segmentElements, layer: layer)
        }
        self.slots = slots
        self.layers = layers.count
    }

    /// Forgets the last all-reduce.
    func reset() {
        unfinished = 0
        for stage in stages {
            for segment in 0..<stage.segments { stage.missing[segment] = stage.plan.receives.count }
            for receive in stage.received.indices { stage.received[receive] = 0 }
            unfinished += stage.segments
        }
    }

    /// Lets go of all frames, so that whoever lent their memory gets it back.
    func releaseFrames() {
        for stage in stages {
            for slot in stage.pieces.indices { stage.pieces[slot] = nil }
        }
    }

    /// Why an arrived segment is of no use.
    struct Unwanted: Error {
        let reason: String
    }

    /// Puts a frame into its places; those segments for which it was the last one missing.
    func place(_ payload: Frame, _ header: SegmentHeader, from rank: Int) throws(Unwanted) -> [Place] {
        let elements = header.offset..<header.offset + header.count
        let transfer = Plan.Transfer(header.phase, header.node, peer: rank)
        let found = (slots[transfer] ?? []).compactMap { slot in
            stages[slot.stage].segment(in: elements).map { (slot: slot, segment: $0) }
        }
        guard let base = payload.address, !found.isEmpty,
            found.reduce(0, { $0 + stages[$1.slot.stage].range(of: $1.segment).count }) == header.count
        else {
            throw Unwanted(
                reason: """
                    nobody waits for elements \(elements.lowerBound)..<\(elements.upperBound) of \(header.node) \
                    from it in \(header.phase)
                    """)
        }
        var ready: [Place] = []
        for (slot, segment) in found {
            let stage = stages[slot.stage]
            let index = segment * stage.plan.receives.count + slot.index
            guard stage.missing[segment] > 0, stage.pieces[index] == nil else {
                throw Unwanted(reason: "it was sent twice")
            }
            let first = stage.range(of: segment).lowerBound - header.offset
            stage.pieces[index] = Piece(frame: payload, address: base + first * MemoryLayout<Float>.stride)
            stage.received[slot.index] += 1
            stage.missing[segment] -= 1
            if stage.missing[segment] == 0 { ready.append(Place(stage: slot.stage, segment: segment)) }
        }
        return ready
    }

    /// The earliest phase in which something is missing, from whom, and how much has come from them.
    func missing() -> (phase: Plan.Phase, ranks: [Int], received: Int, expected: Int)? {
        var open: [(transfer: Plan.Transfer, received: Int, expected: Int)] = []
        for stage in stages {
            for (index, transfer) in stage.plan.receives.enumerated() where stage.received[index] < stage.segments {
                open.append((transfer, stage.received[index], stage.segments))
            }
        }
        guard let phase = open.map(\.transfer.phase).min(by: { $0.rawValue < $1.rawValue }) else { return nil }
        open = open.filter { $0.transfer.phase == phase }
        return (
            phase, Set(open.map(\.transfer.peer)).sorted(), open.reduce(0) { $0 + $1.received },
            open.reduce(0) { $0 + $1.expected }
        )
    }
}
