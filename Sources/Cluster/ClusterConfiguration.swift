import Configuration

/// The `cluster` section of a run's configuration: who takes part and how long to wait for whom.
public struct ClusterConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// How many workers the run starts with.
    public var workers = 2
    /// Compute threads of each worker.
    public var threads = 1
    /// With fewer workers than this the run does not go on.
    public var minWorkers = 1
    /// How long the coordinator waits for its workers, in seconds.
    public var joinTimeoutSeconds = 600.0
    /// After how long a silence a worker or the coordinator counts as lost, in seconds.
    public var heartbeatTimeoutSeconds = 2.0
    /// The shortest time without progress after which a worker that still sends heartbeats counts as stuck, in seconds.
    ///
    /// Ten times the median step, if that is longer.
    public var progressTimeoutSeconds = 30.0
    /// How long workers go on without their coordinator, in seconds.
    public var reattachTimeoutSeconds = 60.0
    /// Whether shards move from slow workers to fast ones.
    public var isRebalancing = true
    /// How many worker processes of a local run that die are started again, over the whole run.
    public var restartWorkers = 0

    /// The defaults.
    public init() {}

    /// How long the coordinator waits for its workers.
    public var joinTimeout: Duration { .seconds(joinTimeoutSeconds) }
    /// After how long a silence a worker or the coordinator counts as lost.
    public var heartbeatTimeout: Duration { .seconds(heartbeatTimeoutSeconds) }

    /// The shortest time without progress after which a worker counts as stuck.
    public var progressTimeout: Duration { .seconds(progressTimeoutSeconds) }
    /// How long workers go on without their coordinator.
    public var reattachTimeout: Duration { .seconds(reattachTimeoutSeconds) }

    /// Values that cannot be used, each with its key inside the section and a sentence that says why.
    public func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        if !(1...4096).contains(workers) { problems.append(("workers", "must be between 1 and 4096, not \(workers)")) }
        if !(1...1024).contains(threads) { problems.append(("threads", "must be between 1 and 1024, not \(threads)")) }
        if !(1...max(workers, 1)).contains(minWorkers) {
            problems.append(("min_workers", "must be between 1 and cluster.workers (\(workers)), not \(minWorkers)"))
        }
        if !(0...1_000_000).contains(restartWorkers) {
            problems.append(("restart_workers", "must be between 0 and 1000000, not \(restartWorkers)"))
        }
        // A day bounds all, so that a slip of units is found; below a second a heartbeat every 500 ms is no proof.
        for (key, seconds) in [
            ("join_timeout_s", joinTimeoutSeconds), ("heartbeat_timeout_s", heartbeatTimeoutSeconds),
            ("progress_timeout_s", progressTimeoutSeconds), ("reattach_timeout_s", reattachTimeoutSeconds),
        ] where !(1...86_400).contains(seconds) {
            problems.append((key, "must be between 1 and 86400 seconds, not \(seconds)"))
        }
        return problems
    }

    private enum CodingKeys: String, CodingKey {
        case workers, threads
        case minWorkers = "min_workers"
        case joinTimeoutSeconds = "join_timeout_s"
        case heartbeatTimeoutSeconds = "heartbeat_timeout_s"
        case progressTimeoutSeconds = "progress_timeout_s"
        case reattachTimeoutSeconds = "reattach_timeout_s"
        case isRebalancing = "rebalance"
        case restartWorkers = "restart_workers"
    }
}
