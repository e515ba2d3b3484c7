import Configuration

/// A way to sum partial gradients over all ranks so that every rank ends with the root of the shard tree.
///
/// - Determinism: plans form every sum up the shard tree, so all algorithms give the same bits.
public protocol AllReduceAlgorithm: Sendable {
    /// The name in configurations.
    static var name: String { get }

    /// Makes the algorithm.
    init()

    /// What rank `rank` does.
    ///
    /// - Parameters:
    ///   - rank: The rank whose plan this is.
    ///   - shards: For each rank the contiguous shards it computed, in order; a rank may have none.
    ///   - tree: The shard tree.
    ///   - count: The number of elements of the bucket.
    func plan(rank: Int, shards: [Range<Int>], tree: ShardTree, count: Int) -> Plan
}

/// The all-reduce algorithms by name; a new one is one line here.
public enum AlgorithmCatalog {
    /// All algorithms.
    public static let all: [any AllReduceAlgorithm.Type] = [DirectAllReduce.self, TreeAllReduce.self]

    /// The name that leaves the choice to `automatic`.
    public static let automaticName = "auto"

    /// What a configuration may name.
    public static var names: [String] { [automaticName] + all.map { $0.name } }

    /// The algorithm called `name`; for `auto` the one that suits `ranks` ranks.
    ///
    /// - Throws: `UnknownName`, which lists the known names.
    public static func algorithm(named name: String, ranks: Int) throws(UnknownName) -> any AllReduceAlgorithm {
        if name == automaticName { return automatic(ranks: ranks) }
        guard let type = all.first(where: { $0.name == name }) else { throw unknown(name) }
        return type.init()
    }

    /// The error for a name that stands for no algorithm.
    static func unknown(_ name: String) -> UnknownName {
        UnknownName(kind: "all-reduce algorithm", name: name, known: names)
    }

    /// The choice of `auto`: each byte travels only once in `direct`, whatever the number of ranks.
    static func automatic(ranks: Int) -> any AllReduceAlgorithm { DirectAllReduce() }
}
