import Cluster
import Messaging

/// What happened in a simulated run, and what must hold of it.
struct History {
    /// A state of a replica that only the applied steps determine.
    static func hash(after steps: Int) -> UInt64 {
        (0..<steps).reduce(0x9e37_79b9_7f4a_7c15) { next($0, step: $1) }
    }

    /// The state after one more step.
    static func next(_ hash: UInt64, step: Int) -> UInt64 {
        var mixed = (hash ^ UInt64(step)) &* 0xbf58_476d_1ce4_e5b9
        mixed ^= mixed >> 29
        return mixed &* 0x94d0_49bb_1331_11eb
    }

    let plan: SimulatedRun.Plan
    private(set) var violations: [String] = []
    /// The steps that stand in the run's journal, in order.
    private(set) var committed: [Int] = []
    private(set) var evaluations: [EvaluationTotals] = []
    private(set) var generations: [Int: [PeerID]] = [:]
    private(set) var rewinds = 0
    private var isAmbiguous = false
    /// Epochs whose evaluation a coordinator had not written down, because its disk was full, when it died.
    private var unwrittenEpochs: Set<Int> = []
    private(set) var faults: [String: Int] = [:]

    init(_ plan: SimulatedRun.Plan) { self.plan = plan }

    mutating func violate(_ text: String) { violations.append(text) }

    /// The last events, to find out why a promise was broken.
    private(set) var events: [String] = []

    mutating func trace(_ text: String) {
        events.append(text)
        if events.count > 60 { events.removeFirst() }
    }

    /// A coordinator died, and its journal holds so much.
    mutating func crashed(steps: Int, evaluations count: Int) {
        committed.removeAll { $0 >= steps }
        unwrittenEpochs.formUnion(evaluations.map(\.epoch).filter { $0 >= count })
        evaluations.removeAll { $0.epoch >= count }
    }

    /// Whether the evaluation of an epoch is there, or was lost: when the disk is full and the coordinator dies, its figures
    /// are gone if not all who made it come back before the next one arrives.
    private func isSettled(_ epoch: Int) -> Bool {
        unwrittenEpochs.contains(epoch) || evaluations.contains { $0.epoch == epoch }
    }

    /// A member gave others a state that had changed after it had said its hash; nobody can tell from then on.
    mutating func gaveAway() { isAmbiguous = true }

    mutating func note(fault: String) { faults[fault, default: 0] += 1 }

    /// I2: one member list for each generation, and their numbers grow.
    mutating func began(_ assignment: Assignment) {
        let members = assignment.members.map(\.id)
        if let known = generations[assignment.generation] {
            if known != members { violate("generation \(assignment.generation) began with two member lists") }
        } else if let last = generations.keys.max(), assignment.generation <= last {
            violate("generation \(assignment.generation) began after \(last)")
        }
        generations[assignment.generation] = members
        if assignment.shardCounts.reduce(0, +) != plan.shards {
            violate("generation \(assignment.generation) computes shards \(assignment.shardCounts) of \(plan.shards)")
        }
    }

    /// I1 and I2: steps are written down in order, each once.
    mutating func committed(_ step: Int) {
        if step != committed.count { violate("step \(step) was written down as number \(committed.count)") }
        committed.append(step)
    }

    /// Steps may be taken again only when nobody has their state any more.
    mutating func rewound(to step: Int, furthestAlive: Int, saved: Int) {
        rewinds += 1
        if step < max(furthestAlive, saved) {
            violate("went back to step \(step) while a worker had \(furthestAlive), a checkpoint \(saved)")
        }
        committed.removeAll { $0 >= step }
        evaluations.removeAll { ($0.epoch + 1) * plan.stepsPerEpoch > step }
    }

    /// I1: an epoch is evaluated once, with each chunk once.
    mutating func evaluated(_ totals: EvaluationTotals) {
        if !(0..<totals.epoch).allSatisfy(isSettled) || evaluations.contains(where: { $0.epoch == totals.epoch }) {
            violate("epoch \(totals.epoch) was evaluated out of turn")
        }
        if totals.samples != plan.chunks * SimulatedRun.chunkSamples {
            violate("epoch \(totals.epoch) was evaluated on \(totals.samples) samples")
        }
        evaluations.append(totals)
    }

    /// I2 and I5: a sum has every shard once, from members of one generation.
    mutating func summed(_ shards: [Range<Int>], step: Int, generation: Int) {
        if shards.sorted(by: { $0.lowerBound < $1.lowerBound }).flatMap(Array.init) != Array(0..<plan.shards) {
            violate("the sum of step \(step) in generation \(generation) has the shards \(shards)")
        }
    }

    /// I3 and I4: whoever has applied n steps has the state of an undisturbed run after n steps.
    mutating func holds(_ hash: UInt64, after steps: Int, worker: Int) {
        if hash != Self.hash(after: steps) { violate("worker \(worker) holds a wrong state after \(steps) steps") }
    }

    /// What must hold at the end.
    mutating func ended(_ outcome: RunOutcome?) {
        switch outcome {
        case .completed(let report):
            if committed != Array(0..<plan.steps) { violate("complete with the steps \(committed)") }
            if !(0..<plan.steps / plan.stepsPerEpoch).allSatisfy(isSettled) {
                violate("complete with \(evaluations.count) evaluations")
            }
            if !isAmbiguous && report.parameterHash != "\(Self.hash(after: plan.steps))" {
                violate("complete with wrong parameters")
            }
        case .interrupted, .failed: break
        case nil: violate("came to no end")
        }
    }
}
