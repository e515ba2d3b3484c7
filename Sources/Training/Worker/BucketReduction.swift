import Autograd
import Collectives
import Threading

/// Sums the buckets of a step over all workers, in one order everywhere: gradients from the back to the front, as
/// backward makes them final, then statistics and tallies.
///
/// Sums that overlap with backward run on a thread of their own, the others when all gradients are there; of those the first
/// bucket can be announced before. The bits are the same. Confined to the work thread, but for sums that overlap.
final class BucketReduction {
    private struct Job: @unchecked Sendable {  // The elements are final: nobody touches them before the sum is there.
        let step, number: Int
        let bucket: Bucket
        let blocks: [ShardNode: UnsafeMutablePointer<Float>]
    }

    private struct Outcome: Sendable {
        let failure: CollectiveError?
        let time: Duration
    }

    private let group: AllReduceGroup
    private let buckets: [Bucket]
    private let first: Int
    private let jobs = BlockingQueue<Job>()
    private let outcomes = BlockingQueue<Outcome>()
    private let overlaps: Bool
    private let sum: @Sendable (Job) -> Outcome
    private var step = 0
    /// Whether the other workers know that the first bucket is there.
    private var isAnnounced = false
    private var next = 0
    private var outstanding = 0
    /// What the sums of the step took, and for how long of that the work thread waited.
    private var total = Duration.zero
    private var awaited = Duration.zero

    /// Sums `buckets` over `group`, on a thread of its own if it `overlaps`; in a step they are numbered from `first` on.
    init(
        _ group: AllReduceGroup, _ buckets: [Bucket], numbered first: Int = 0, overlaps: Bool = false,
        failpoints: Failpoints
    ) {
        self.first = first
        self.group = group
        self.buckets = buckets
        self.overlaps = overlaps
        sum = { job in
            let start = ContinuousClock.now
            var failure: CollectiveError?
            do throws(CollectiveError) {
                try group.sum(
                    step: UInt64(job.step), bucket: UInt32(job.number), blocks: job.blocks, range: job.bucket.range,
                    encoding: job.bucket.encoding)
                failpoints.pass(.reduce, step: job.step)
            } catch {
                failure = error
            }
            return Outcome(failure: failure, time: start.duration(to: .now))
        }
        guard overlaps else { return }
        _ = DedicatedThread(name: "all-reduce") { [jobs, outcomes, sum] in
            while case .element(let job) = jobs.pop() { outcomes.push(sum(job)) }
        }
    }

    deinit { jobs.close() }

    /// How much of the last step's sums passed while gradients were computed.
    var hidden: Duration { max(.zero, total - awaited) }

    /// Begins a step.
    func begin(step: Int) {
        self.step = step
        next = 0
        isAnnounced = false
        total = .zero
        awaited = .zero
    }

    /// Starts the buckets that begin at element `start` or behind it, or announces the first one when sums do not overlap;
    /// the elements of `partials` there are final.
    ///
    /// The one with the first parameter is left to `finish`: the pass is over when it is final.
    func start(from start: Int, _ partials: [ShardNode: GradientBlock]) {
        guard start > 0 else { return }
        if !overlaps {
            guard !isAnnounced, let bucket = buckets.first, bucket.range.lowerBound >= start else { return }
            isAnnounced = true
            return group.announce(partials.mapValues(\.base))
        }
        while next < buckets.count, buckets[next].range.lowerBound >= start { add(partials) }
    }

    /// Sums what is left of the step's buckets and waits for all; the sums themselves have deadlines.
    ///
    /// - Throws: `CollectiveError`, the first one.
    func finish(_ partials: [ShardNode: GradientBlock]) throws(CollectiveError) {
        let start = ContinuousClock.now
        while next < buckets.count { add(partials) }
        let failure = settle()
        awaited += start.duration(to: .now)
        if let failure { throw failure }
    }

    /// Ends the sums of a step that is given up, and with them the group; the blocks are free after that.
    ///
    /// - Throws: `CollectiveError.notSent` when they are not.
    func giveUp() throws(CollectiveError) {
        guard outstanding > 0 || isAnnounced else { return }
        group.cancel(reason: "step \(step) was given up")
        if let failure = settle(), case .notSent = failure { throw failure }
    }

    private func add(_ partials: [ShardNode: GradientBlock]) {
        let job = Job(step: step, number: first + next, bucket: buckets[next], blocks: partials.mapValues(\.base))
        next += 1
        outstanding += 1
        if overlaps { jobs.push(job) } else { outcomes.push(sum(job)) }
    }

    /// Waits until no sum is under way; the first failure.
    private func settle() -> CollectiveError? {
        var first: CollectiveError?
        while outstanding > 0, case .element(let outcome) = outcomes.pop() {
            outstanding -= 1
            total += outcome.time
            first = first ?? outcome.failure
        }
        return first
    }
}
