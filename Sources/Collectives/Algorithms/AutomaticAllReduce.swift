/// For each size the algorithm that the cost of its plans favours.
///
/// All ranks choose alike, because the choice depends on what they have in common alone.
public struct AutomaticAllReduce: AllReduceAlgorithm {
    /// `auto`.
    public static let name = "auto"

    /// What sending costs.
    private let link: LinkCost
    /// Above this number of ranks plans are not weighed, but `direct` is taken.
    private static let mostWeighed = 32

    /// Chooses for links of the usual cost.
    public init() { self.init(link: .usual) }

    /// Chooses for links of some cost.
    public init(link: LinkCost) { self.link = link }

    /// The rank's plan of the algorithm that is chosen.
    public func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan {
        choice(shards: shards, tree: tree, count: count).plan(rank: rank, shards: shards, tree: tree, count: count)
    }

    /// The algorithm whose plans take the shortest; the first of equals.
    package func choice(shards: [Range<Int>], tree: ShardTree, count: Int) -> any AllReduceAlgorithm {
        let direct = DirectAllReduce()
        guard (3...Self.mostWeighed).contains(shards.count) else { return direct }
        var best: (algorithm: any AllReduceAlgorithm, cost: Double) = (direct, .infinity)
        for type in AlgorithmCatalog.pinnable {
            let algorithm = type.init()
            let plans = shards.indices.map { algorithm.plan(rank: $0, shards: shards, tree: tree, count: count) }
            let cost = link.seconds(plans)
            if cost < best.cost { best = (algorithm, cost) }
        }
        return best.algorithm
    }
}
