import Messaging

/// A worker's place in a generation, and where the generation begins.
///
/// All workers get the same lists, so each knows who needs the state of the replica and who gives it.
public struct Assignment: Codable, Sendable, Equatable {
    /// One worker of the generation.
    public struct Member: Codable, Sendable, Equatable, CustomStringConvertible {
        /// Its rank.
        public var rank: Int
        /// The name under which the transports know it.
        public var id: PeerID
        /// Its host's name.
        public var host: String
        /// Its process id on that host.
        public var pid: Int32
        /// Where other workers reach it with gradients.
        public var dataAddress: String
        /// What it has in common with those that can share memory with it; empty when nobody can.
        public var memoryDomain: String
        /// Where others reach it with the state of a replica.
        public var stateAddress: String
        /// The number of steps that its replica has applied; nil when its state cannot be trusted.
        public var steps: Int?

        /// Names a worker of a generation.
        public init(
            rank: Int, id: PeerID, host: String, pid: Int32, dataAddress: String, memoryDomain: String = "",
            stateAddress: String, steps: Int?
        ) {
            self.rank = rank
            self.id = id
            self.host = host
            self.pid = pid
            self.dataAddress = dataAddress
            self.memoryDomain = memoryDomain
            self.stateAddress = stateAddress
            self.steps = steps
        }

        /// What people call it.
        public var description: String { "worker \(rank) (\(host), pid \(pid))" }
    }

    /// The number of this member list, counted from 1.
    public var generation: Int
    /// The receiver's rank.
    public var rank: Int
    /// All members, by rank.
    public var members: [Member]
    /// How many shards each member computes, by rank.
    public var shardCounts: [Int]
    /// The first step to train, counted from 0: so many steps are committed.
    public var firstStep: Int
    /// How many epochs have been evaluated completely.
    public var evaluatedEpochs: Int
    /// The chunks of the next epoch's evaluation that have arrived already.
    public var evaluatedChunks: [Int]
    /// The number of steps in the newest complete checkpoint; 0 without one.
    public var savedStep: Int

    /// Gives a worker its place.
    public init(
        generation: Int, rank: Int, members: [Member], shardCounts: [Int], firstStep: Int, evaluatedEpochs: Int = 0,
        evaluatedChunks: [Int] = [], savedStep: Int = 0
    ) {
        self.generation = generation
        self.rank = rank
        self.members = members
        self.shardCounts = shardCounts
        self.firstStep = firstStep
        self.evaluatedEpochs = evaluatedEpochs
        self.evaluatedChunks = evaluatedChunks
        self.savedStep = savedStep
    }

    /// The contiguous shards of each member, by rank; those of members that can share memory follow one another.
    public var shards: [Range<Int>] {
        let first = members.map { member in
            member.memoryDomain.isEmpty
                ? member.rank : members.first { $0.memoryDomain == member.memoryDomain }?.rank ?? member.rank
        }
        var ranges = [Range<Int>](repeating: 0..<0, count: members.count)
        var next = 0
        for rank in members.indices.sorted(by: { (first[$0], $0) < (first[$1], $1) }) {
            ranges[rank] = next..<next + shardCounts[rank]
            next += shardCounts[rank]
        }
        return ranges
    }

    /// The ranks whose replicas stand at the first step.
    public var holders: [Int] { members.filter { $0.steps == firstStep }.map(\.rank) }
    /// The ranks whose replicas stand elsewhere and take over the state of a holder.
    public var needy: [Int] { members.filter { $0.steps != firstStep }.map(\.rank) }

    /// The rank that gives its state to `rank`; nil when the coordinator does, from a checkpoint.
    ///
    /// Holders take turns, so that many joining workers do not wait for one.
    public func donor(of rank: Int) -> Int? {
        guard let turn = needy.firstIndex(of: rank), !holders.isEmpty else { return nil }
        return holders[turn % holders.count]
    }

    var problem: String? {
        if generation < 1 { return "generation is \(generation)" }
        if firstStep < 0 || savedStep < 0 || evaluatedEpochs < 0 {
            return "first step \(firstStep), saved step \(savedStep), \(evaluatedEpochs) evaluated epochs"
        }
        if !members.indices.contains(rank) { return "rank \(rank) is not among \(members.count) members" }
        if shardCounts.count != members.count || !shardCounts.allSatisfy((1...1 << 20).contains) {
            return "the shards \(shardCounts) do not fit \(members.count) members"
        }
        return members.enumerated().contains { $0.offset != $0.element.rank } ? "members are not in rank order" : nil
    }
}
