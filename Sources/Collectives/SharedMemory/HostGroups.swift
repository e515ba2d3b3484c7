/// Which workers share a host.
struct HostGroups: Hashable, Sendable {
    /// The ranks of each host; the first one speaks to the other hosts.
    let ranks: [[Int]]

    /// Groups ranks by the name of their host, as far as the shards of a host follow one another.
    ///
    /// The sums of a host are nodes of the tree over a contiguous range of shards. Ranks whose shards lie between those of
    /// another host stay alone.
    init(hosts: [String], shards: [Range<Int>]) {
        var groups: [[Int]] = []
        var last: (host: String, upper: Int)?
        for rank in shards.indices.sorted(by: { (shards[$0].lowerBound, $0) < (shards[$1].lowerBound, $1) }) {
            if let last, last.host == hosts[rank], last.upper == shards[rank].lowerBound {
                groups[groups.count - 1].append(rank)
            } else {
                groups.append([rank])
            }
            last = (hosts[rank], shards[rank].upperBound)
        }
        ranks = groups.map { $0.sorted() }
    }

    /// The place in `ranks` of the host that `rank` is on.
    func host(of rank: Int) -> Int { ranks.firstIndex { $0.contains(rank) } ?? 0 }

    /// The shards of a host together.
    func shards(of host: Int, _ shards: [Range<Int>]) -> Range<Int> {
        let own = ranks[host].map { shards[$0] }
        return (own.map(\.lowerBound).min() ?? 0)..<(own.map(\.upperBound).max() ?? 0)
    }
}

extension ShardTree {
    /// The shards of each worker, as even as can be, so that those of one host follow one another.
    ///
    /// - Parameter hosts: For each worker a name that it shares with the other workers of its host.
    public func evenRanges(hosts: [String]) -> [Range<Int>] {
        let ranges = evenRanges(workers: hosts.count)
        let order = hosts.indices.sorted { left, right in
            let first = (hosts.firstIndex(of: hosts[left]) ?? 0, hosts.firstIndex(of: hosts[right]) ?? 0)
            return (first.0, left) < (first.1, right)
        }
        var result = ranges
        for (place, rank) in order.enumerated() { result[rank] = ranges[place] }
        return result
    }
}
