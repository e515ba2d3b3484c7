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

    /// A stage with the frames that have arrived for it.
    final class Stage {
        let plan: Plan.Stage
        let segmentElements: Int
        let segments: Int
        let sum: TreeSum?
        /// For each operand the receive that brings it; nil for an own partial sum.
        let operandSlots: [Int?]
        /// Frames by segment and receive.
        var frames: [Frame?]
        /// How many receives each segment still needs; -1 once it has been worked on.
        var missing: [Int]
        /// How many segments each receive has brought.
        var received: [Int]

        init(_ plan: Plan.Stage, segmentElements: Int) {
            self.plan = plan
            self.segmentElements = segmentElements
            segments = (plan.range.count + segmentElements - 1) / segmentElements
            sum = plan.result.map { TreeSum(to: $0, from: plan.operands) }
            operandSlots = plan.operands.map { node in plan.receives.firstIndex { $0.node == node } }
            frames = Array(repeating: nil, count: segments * plan.receives.count)
            missing = Array(repeating: plan.receives.count, count: segments)
            received = Array(repeating: 0, count: plan.receives.count)
        }

        /// The elements of a segment.
        func range(of segment: Int) -> Range<Int> {
            let lower = plan.range.lowerBound + segment * segmentElements
            return lower..<min(lower + segmentElements, plan.range.upperBound)
        }

        /// The segment that holds exactly the elements `offset ..< offset + count`; nil when there is none.
        func segment(at offset: Int, count: Int) -> Int? {
            guard plan.range.contains(offset), (offset - plan.range.lowerBound) % segmentElements == 0 else {
                return nil
            }
            let segment = (offset - plan.range.lowerBound) / segmentElements
            return range(of: segment).count == count ? segment : nil
        }
    }

    let stages: [Stage]
    /// Where a transfer that comes in belongs.
    let slots: [Plan.Transfer: Slot]
    /// How many segments have not been worked on yet.
    var unfinished = 0

    init(_ plan: Plan, segmentElements: Int) {
        stages = plan.stages.map { Stage($0, segmentElements: segmentElements) }
        var slots: [Plan.Transfer: Slot] = [:]
        for (stage, plan) in plan.stages.enumerated() {
            for (index, transfer) in plan.receives.enumerated() {
                let previous = slots.updateValue(Slot(stage: stage, index: index), forKey: transfer)
                precondition(previous == nil, "two stages of a plan receive the same transfer \(transfer)")
            }
        }
        self.slots = slots
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
            for slot in stage.frames.indices { stage.frames[slot] = nil }
        }
    }

    /// Why an arrived segment is of no use.
    struct Unwanted: Error {
        let reason: String
    }

    /// Puts a frame into its place; the stage and segment when this was the last one missing there.
    func place(
        _ payload: Frame, _ header: SegmentHeader, from rank: Int
    ) throws(Unwanted) -> (stage: Int, segment: Int)? {
        let transfer = Plan.Transfer(header.phase, header.node, peer: rank)
        guard let slot = slots[transfer],
            let segment = stages[slot.stage].segment(at: header.offset, count: header.count)
        else {
            throw Unwanted(
                reason: """
                    nobody waits for elements \(header.offset)..<\(header.offset + header.count) of \(header.node) \
                    from it in \(header.phase)
                    """)
        }
        let stage = stages[slot.stage]
        let index = segment * stage.plan.receives.count + slot.index
        guard stage.missing[segment] > 0, stage.frames[index] == nil else {
            throw Unwanted(reason: "it was sent twice")
        }
        stage.frames[index] = payload
        stage.received[slot.index] += 1
        stage.missing[segment] -= 1
        return stage.missing[segment] == 0 ? (slot.stage, segment) : nil
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
