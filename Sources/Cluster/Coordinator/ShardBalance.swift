/// How many shards each worker computes.
///
/// - Determinism: the result of the training does not depend on it, since sums follow the shard tree.
enum ShardBalance {
    /// How much shorter the slowest worker's share must become before shards move; below that moving costs more.
    static let worthwhile = 0.8

    /// Shares that make the slowest worker's time shortest; each worker gets at least one.
    ///
    /// - Parameter secondsPerShard: The workers' measured speeds; nil counts as the mean of the others.
    /// - Precondition: There are at least as many shards as workers.
    static func counts(shards: Int, secondsPerShard: [Double?]) -> [Int] {
        precondition(shards >= secondsPerShard.count, "\(secondsPerShard.count) workers cannot share \(shards) shards")
        let known = secondsPerShard.compactMap { $0 }.filter { $0 > 0 }
        let mean = known.isEmpty ? 1 : known.reduce(0, +) / Double(known.count)
        let seconds = secondsPerShard.map { $0.map { $0 > 0 ? $0 : mean } ?? mean }
        var counts = [Int](repeating: 1, count: seconds.count)
        for _ in 0..<shards - seconds.count {
            // The first of equals, so that even speeds give even shares.
            let next = counts.indices.min {
                Double(counts[$0] + 1) * seconds[$0] < Double(counts[$1] + 1) * seconds[$1]
            }
            counts[next ?? 0] += 1
        }
        return counts
    }

    /// Seconds of the slowest share.
    static func seconds(_ counts: [Int], _ secondsPerShard: [Double]) -> Double {
        zip(counts, secondsPerShard).map { Double($0) * $1 }.max() ?? 0
    }

    /// Better shares than `counts`, if they are worth the move; nil while a speed is unknown.
    static func improvement(on counts: [Int], secondsPerShard: [Double?]) -> [Int]? {
        let seconds = secondsPerShard.compactMap { $0 }
        guard seconds.count == counts.count else { return nil }
        let better = Self.counts(shards: counts.reduce(0, +), secondsPerShard: secondsPerShard)
        return Self.seconds(better, seconds) < worthwhile * Self.seconds(counts, seconds) ? better : nil
    }
}
