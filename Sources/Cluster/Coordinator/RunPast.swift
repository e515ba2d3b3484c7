import Messaging

/// What a coordinator that takes over a run knows of it, from the run's journal and checkpoints.
public struct RunPast: Sendable, Equatable {
    /// A worker of the last generation.
    public struct Member: Codable, Sendable, Equatable {
        /// The name under which the transport knows it.
        public var id: PeerID
        /// How it introduced itself.
        public var hello: Hello

        /// A worker of the last generation.
        public init(id: PeerID, hello: Hello) {
            self.id = id
            self.hello = hello
        }
    }

    /// The number of the last member list; 0 when training has not begun.
    public var generation = 0
    /// The workers of that generation by rank, if they may still be there; empty when all are gone.
    public var members: [Member] = []
    /// The shards of each of them.
    public var shardCounts: [Int] = []
    /// What all workers share.
    public var identity: Identity?
    /// Steps that are written down.
    public var steps = 0
    /// Steps of an epoch; nil while unknown.
    public var stepsPerEpoch: Int?
    /// Epochs whose evaluation is written down.
    public var evaluatedEpochs = 0
    /// The number of steps in the newest complete checkpoint; 0 without one.
    public var savedStep = 0
    /// What the workers knew when everything was done; nil when that is not written down.
    public var final: FinalReport?
    /// Whether everything is done and saved, so that there is nothing left to do but to say so.
    public var isComplete: Bool { final?.steps == savedStep }

    /// The past of a new run.
    public init() {}
}
