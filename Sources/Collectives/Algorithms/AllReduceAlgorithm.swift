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
    /// The algorithms that a configuration may pin.
    static let pinnable: [any AllReduceAlgorithm.Type] = [
        DirectAllReduce.self, HalvingDoublingAllReduce.self, RingAllReduce.self, TreeAllReduce.self,
    ]

    /// All algorithms; the first one chooses among the others.
    public static let all: [any AllReduceAlgorithm.Type] = [AutomaticAllReduce.self] + pinnable

    /// What a configuration may name.
    public static var names: [String] { all.map { $0.name } }

    /// The algorithm called `name`.
    ///
    /// - Throws: `UnknownName`, which lists the known names.
    public static func algorithm(named name: String) throws(UnknownName) -> any AllReduceAlgorithm {
        guard let type = all.first(where: { $0.name == name }) else { throw unknown(name) }
        return type.init()
    }

    /// The error for a name that stands for no algorithm.
    static func unknown(_ name: String) -> UnknownName {
        UnknownName(kind: "all-reduce algorithm", name: name, known: names)
    }
}
