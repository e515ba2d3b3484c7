import Messaging
import Synchronization

/// The workers of one generation, who sum their gradients with one another.
///
/// The group lasts until membership changes or a call fails; after an error it is of no more use, because the ranks no
/// longer agree on what has been sent. The result holds anything then; partial sums are what they were, unless the memory
/// has sums take their place.
///
/// Workers of one host sum in memory that they share; one of them exchanges the host's sums with the other hosts.
///
/// - Determinism: the result is the sum up the shard tree of the shards' gradients, so its bits depend neither on the
///   number of ranks nor on their hosts nor on the algorithm nor on timing.
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
    /// The partial sums that this rank brings to each call of `sum`.
    public let ownNodes: [ShardNode]
    private let watch: GroupWatch
    private let hosts: HostGroups
    /// Sums over all ranks, and over one rank of each host.
    private let betweenRanks, betweenHosts: NetworkSum
    private var memory: GradientMemory?
    private let status = Mutex(Status.idle(last: nil))

    /// Makes the group of a generation.
    ///
    /// - Parameters:
    ///   - mailbox: On a transport that has dialled all other members, or been dialled by them.
    ///   - rank: This side's index in `members`.
    ///   - members: The peers by rank; the same on every rank, like all parameters below.
    ///   - names: The members as people know them, as in `worker 1 (host b, pid 42)`.
    ///   - generation: Grows with each change of membership.
    ///   - algorithm: How to sum over the network.
    ///   - shards: The contiguous shards of each rank.
    ///   - hosts: For each rank a name that it shares with those whose memory it can share; nil when nobody shares any.
    ///   - deadline: The longest wait without any progress.
    ///   - segmentElements: Into how large parts buckets are cut on the network, so that sending and adding overlap.
    ///   - windowBytes: How many bytes may be on their way to a peer that has not taken them in yet.
    /// - Precondition: `members`, `names` and `shards` have one entry for each rank; `shards` make up a tree's.
    public init(
        mailbox: SegmentMailbox, rank: Int, members: [PeerID], names: [String], generation: UInt32,
        algorithm: any AllReduceAlgorithm, shards: [Range<Int>], hosts: [String]? = nil, deadline: Duration,
        segmentElements: Int = 1 << 16, windowBytes: Int = 16 << 20
    ) {
        precondition(members.indices.contains(rank), "rank \(rank) is not one of \(members.count) members")
        precondition(names.count == members.count, "\(names.count) names for \(members.count) members")
        precondition(shards.count == members.count, "shards for \(shards.count) of \(members.count) members")
        precondition(segmentElements > 0, "a segment needs elements")
        precondition(windowBytes > 0, "a window has room for a segment")
        var next = 0
        for range in shards.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
            precondition(range.lowerBound == next, "shards \(range) do not follow shard \(next)")
            next = range.upperBound
        }
        let tree = ShardTree(shards: next)
        self.rank = rank
        self.tree = tree
        self.shards = shards
        ownNodes = tree.maximalNodes(in: shards[rank])
        let watch = GroupWatch(
            mailbox: mailbox, rank: rank, members: members, names: names, generation: generation, deadline: deadline)
        let groups = HostGroups(hosts: hosts ?? members.map(\.name), shards: shards)
        let window = SendWindow(bytes: windowBytes)
        func network(_ ranks: [Int], _ shards: [Range<Int>]) -> NetworkSum {
            NetworkSum(
                watch, ranks: ranks, shards: shards, tree: tree, algorithm: algorithm, segmentElements: segmentElements,
                window: window)
        }
        self.watch = watch
        self.hosts = groups
        betweenRanks = network(Array(members.indices), shards)
        betweenHosts = network(groups.ranks.map { $0[0] }, groups.ranks.indices.map { groups.shards(of: $0, shards) })
        mailbox.begin(generation: generation)
    }

    /// Whether sums go over a network.
    public var spansHosts: Bool { hosts.ranks.count > 1 }

    /// Makes the memory for gradients of `elements` floats; every rank calls it once, with the same number.
    ///
    /// Workers of one host wait for each other here.
    ///
    /// - Parameters:
    ///   - elements: The number of floats of a block.
    ///   - overwritesPartials: Whether sums may take the place of partial sums, which costs least; they come in turns then,
    ///     see `GradientMemory`. They do on a host that has all shards.
    ///   - isInBackground: Whether the worker computes on the same cores while it sums; then sums that wait for others of
    ///     its host sleep at once.
    /// - Throws: `CollectiveError` when the host has no memory left, or another worker does not open its part in time.
    public func makeMemory(
        elements: Int, overwritesPartials: Bool = false, isInBackground: Bool = false
    ) throws(CollectiveError) -> GradientMemory {
        precondition(memory == nil, "a group has one memory")
        let locals = hosts.ranks[hosts.host(of: rank)]
        let blocks = locals.map { FoldOrder(tree, range: shards[$0]).openPartials }
        let memory: GradientMemory
        if locals.count == 1 {
            memory = GradientMemory(elements: elements, blocks: blocks[0], isAlone: shards.count == 1)
        } else {
            let nodes = tree.maximalNodes(in: hosts.shards(of: hosts.host(of: rank), shards))
            let overwrites = overwritesPartials && nodes == [tree.root]
            let layout = HostArena.Layout(
                elements: elements,
                // One for either turn's sums, of which one may take gradients.
                blocks: overwrites ? blocks.map { max($0, 1) + 1 } : blocks,
                results: overwrites ? 0 : nodes == [tree.root] ? 1 : nodes.count + 1)
            let arena = try HostMeeting(watch, ranks: locals).open(layout)
            let index = locals.firstIndex(of: rank) ?? 0
            let ranges = locals.map { shards[$0] }
            let patience = isInBackground ? .none : Patience.sharing(workers: locals.count)
            memory = GradientMemory(
                HostSum(arena, index: index, shards: ranges, nodes: nodes, tree: tree, patience: patience),
                slots: spansHosts ? nil : SlotSum(arena, index: index, shards: ranges, tree: tree, patience: patience))
        }
        self.memory = memory
        return memory
    }

    /// Sums a part of the blocks over all shards into the same part of the memory's result.
    ///
    /// On one host nothing is copied: partial sums are added where they are.
    ///
    /// - Parameters:
    ///   - step: The step; with `bucket` it must grow from call to call, in the same way on every rank.
    ///   - bucket: The bucket within the step.
    ///   - blocks: For each of `ownNodes` a block that was taken from the memory.
    ///   - range: The elements to sum, the same on every rank.
    ///   - encoding: How they are written, and what sums are rounded to; the partial sums have been rounded to it.
    /// - Throws: `CollectiveError`.
    /// - Precondition: `makeMemory` has been called.
    public func sum(
        step: UInt64, bucket: UInt32, blocks: [ShardNode: UnsafeMutablePointer<Float>], range: Range<Int>,
        encoding: WireEncoding = .float32
    ) throws(CollectiveError) {
        guard let memory else { preconditionFailure("a group sums blocks of its memory") }
        try sum(Position(generation: watch.generation, step: step, bucket: bucket)) {
            position throws(CollectiveError) in
            guard let host = memory.host else {
                return try betweenHosts.sum(
                    blocks.mapValues { $0 + range.lowerBound }, count: range.count,
                    into: memory.result + range.lowerBound, keepsMemory: true, encoding: encoding, at: position)
            }
            var patience = HostPatience(watch, hosts, position)
            try host.form(blocks, range, rounding: encoding) { () throws(CollectiveError) in
                try patience.check(host.missing)
            }
            guard hosts.ranks.count > 1 else { return }
            if host.index == 0 {
                try betweenHosts.sum(
                    host.sources().mapValues { $0 + range.lowerBound }, count: range.count,
                    into: memory.result + range.lowerBound, keepsMemory: true, encoding: encoding, at: position)
                host.release()
            } else {
                patience = HostPatience(watch, hosts, position)
                try host.waitForRelease { () throws(CollectiveError) in
                    try patience.check(host.missing)
                }
            }
        }
    }

    /// Tells the other workers of this host that the elements of the next `sum` of blocks are there: who comes first adds
    /// them, instead of waiting for all.
    ///
    /// They stay as they are until that sum has returned. Whoever gives it up cancels the group. Where nobody shares the
    /// memory this does nothing.
    public func announce(_ blocks: [ShardNode: UnsafeMutablePointer<Float>]) { memory?.host?.announce(blocks) }

    /// Sums private memory over all shards; returns when the result is there and the memory is free again.
    ///
    /// On one host the elements pass through shared memory in small parts, which suits up to some ten thousand. Between
    /// hosts, memory is lent to the transport without copies while the call lasts. It waits for all of it before it
    /// returns or throws, so the caller may overwrite partial sums and result at once. The one exception is `.notSent`,
    /// thrown when a peer takes nothing for a whole further deadline: then the memory must stay as it is until the
    /// process ends.
    ///
    /// - Parameters:
    ///   - step: The step; with `bucket` it must grow from call to call, in the same way on every rank.
    ///   - bucket: The bucket within the step.
    ///   - partials: `count` floats for each of `ownNodes`, in their order.
    ///   - count: The number of elements, the same on every rank.
    ///   - result: Room for `count` floats; may be the memory of one of the partial sums, which is lost if the sum fails.
    /// - Throws: `CollectiveError`.
    public func sum(
        step: UInt64, bucket: UInt32, partials: [UnsafeMutablePointer<Float>], count: Int,
        into result: UnsafeMutablePointer<Float>
    ) throws(CollectiveError) {
        precondition(partials.count == ownNodes.count, "\(partials.count) of \(ownNodes.count) partial sums")
        try sum(Position(generation: watch.generation, step: step, bucket: bucket)) {
            position throws(CollectiveError) in
            if let slots = memory?.slots {
                var patience = HostPatience(watch, hosts, position)
                try slots.sum(partials, count: count, into: result) { () throws(CollectiveError) in
                    try patience.check(slots.missing)
                }
            } else {
                try betweenRanks.sum(
                    Dictionary(uniqueKeysWithValues: zip(ownNodes, partials)), count: count, into: result,
                    keepsMemory: false, encoding: .float32, at: position)
            }
        }
    }

    /// Waits until all workers are here; `step` and `bucket` go on from those of the sums.
    ///
    /// - Throws: `CollectiveError`.
    public func meet(step: UInt64, bucket: UInt32) throws(CollectiveError) {
        let places = UnsafeMutablePointer<Float>.allocate(capacity: ownNodes.count + 1)
        places.initialize(repeating: 0, count: ownNodes.count + 1)
        // A call that throws `.notSent` may still have the memory lent out.
        try sum(
            step: step, bucket: bucket, partials: ownNodes.indices.map { places + $0 }, count: 1,
            into: places + ownNodes.count)
        places.deallocate()
    }

    /// Makes a running or the next `sum` throw `.cancelled` soon; from any thread.
    public func cancel(reason: String) { watch.cancel(reason: reason) }

    /// Runs a sum when it is its turn, and ends the group when it fails.
    private func sum(
        _ position: Position, _ body: (Position) throws(CollectiveError) -> Void
    ) throws(CollectiveError) {
        try enter(position)
        do throws(CollectiveError) {
            // What happened between two sums ends the group as well.
            try watch.check(position)
            try body(position)
            status.withLock { $0 = .idle(last: position) }
        } catch {
            status.withLock { $0 = .ended(cause: error.description) }
            throw error
        }
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
}
