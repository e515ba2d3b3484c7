import Messaging

extension CoordinatorState {
    /// What the run needs.
    public struct Settings: Sendable {
        /// The run's id.
        public var run: String
        /// The complete configuration for the workers.
        public var yaml: String
        /// Where workers get samples of the coordinator's data set; nil for nowhere.
        public var samples: String?
        /// The build of the coordinator, which workers must have too; nil when any will do.
        public var build: String?
        /// How many workers the run starts with.
        public var workers: Int
        /// With fewer workers than this the run does not go on.
        public var minWorkers: Int
        /// The shards of a batch: the most workers that have something to do.
        public var shards: Int
        /// How long to wait for workers.
        public var joinTimeout: Duration
        /// After how long a silence a worker counts as lost.
        public var heartbeatTimeout: Duration
        /// The shortest time without progress after which a worker counts as stuck.
        public var progressTimeout: Duration
        /// How long workers go on without a coordinator.
        public var reattachTimeout: Duration
        /// Whether shards move from slow workers to fast ones.
        public var isRebalancing: Bool
        /// Workers that the coordinator's own launcher starts.
        ///
        /// Once the restarts are used up nobody starts them again, so the run does not wait for others.
        public var launched: Set<PeerID>
        /// How many of them that die are started again.
        public var restarts: Int
        /// What was before, when the coordinator takes over a run.
        public var past: RunPast

        /// Settings for a run.
        ///
        /// - Parameter shards: The shards of a batch; nil for one for each worker.
        public init(
            run: String, yaml: String, build: String? = nil, workers: Int, minWorkers: Int = 1, shards: Int? = nil,
            joinTimeout: Duration = .seconds(600), heartbeatTimeout: Duration = .seconds(5),
            progressTimeout: Duration = .seconds(30), reattachTimeout: Duration = .seconds(60),
            isRebalancing: Bool = true, samples: String? = nil, launched: Set<PeerID> = [], restarts: Int = 0,
            past: RunPast = RunPast()
        ) {
            precondition(workers > 0, "a run needs a worker")
            self.run = run
            self.yaml = yaml
            self.samples = samples
            self.build = build
            self.workers = workers
            self.minWorkers = minWorkers
            self.shards = shards ?? workers
            self.joinTimeout = joinTimeout
            self.heartbeatTimeout = heartbeatTimeout
            self.progressTimeout = progressTimeout
            self.reattachTimeout = reattachTimeout
            self.isRebalancing = isRebalancing
            self.launched = launched
            self.restarts = restarts
            self.past = past
        }
    }
}
