/// Where a worker stands.
public struct Progress: Codable, Sendable, Equatable {
    /// What a worker is doing.
    public enum Phase: String, Codable, Sendable, CaseIterable {
        case joining, loading, waiting, computing, communicating, updating, evaluating, saving, finishing
    }

    /// The step under way, counted from 0.
    public var step: Int
    /// What the worker is doing.
    public var phase: Phase
    /// How many parts of the phase it has done, such as chunks of an evaluation.
    public var parts: Int
    /// How long it computes at a shard, as a running mean in seconds; nil before the first one.
    public var secondsPerShard: Double?

    /// A place in the run.
    public init(step: Int, phase: Phase, parts: Int = 0, secondsPerShard: Double? = nil) {
        self.step = step
        self.phase = phase
        self.parts = parts
        self.secondsPerShard = secondsPerShard
    }

    var problem: String? {
        if step < 0 { return "step is \(step)" }
        if parts < 0 { return "parts is \(parts)" }
        if let secondsPerShard, !(0...1e6).contains(secondsPerShard) { return "\(secondsPerShard) s a shard" }
        return nil
    }
}

/// Where a worker stands while it waits between two steps.
public struct Pause: Codable, Sendable, Equatable {
    /// The number of steps that its replica has applied.
    public var steps: Int
    /// Whether all members pause after this step by themselves; else the others have to be told.
    public var isAgreed: Bool
    /// Why it could not go on by itself; nil when it was asked to pause.
    public var reason: String?
    /// The ranks whom it waited for in vain.
    public var suspects: [Int]
    /// The hash of its parameters; nil when it says none.
    public var parameterHash: String?

    /// A worker that waits.
    public init(
        steps: Int, parameterHash: String? = nil, isAgreed: Bool = true, reason: String? = nil, suspects: [Int] = []
    ) {
        self.steps = steps
        self.isAgreed = isAgreed
        self.parameterHash = parameterHash
        self.reason = reason
        self.suspects = suspects
    }

    var problem: String? {
        steps < 0 || suspects.count > 4096 ? "\(steps) applied steps" : textProblem(parameterHash ?? "")
    }
}

/// How far a run is written down: in its journal, on the disk.
public struct JournalExtent: Codable, Sendable, Equatable {
    /// Steps.
    public var steps: Int
    /// Epochs with their evaluation.
    public var epochs: Int

    /// So many steps, and evaluations of so many epochs.
    public init(steps: Int, epochs: Int = 0) {
        self.steps = steps
        self.epochs = epochs
    }

    var problem: String? { steps < 0 || epochs < 0 ? "\(steps) steps and \(epochs) epochs are written down" : nil }
}

/// The hash of the parameters after a step, which must be the same on all workers.
public struct Verification: Codable, Sendable, Equatable {
    /// The number of applied steps.
    public var steps: Int
    /// The hash of parameters and buffers.
    public var parameterHash: String

    /// A hash after `steps` steps.
    public init(steps: Int, parameterHash: String) {
        self.steps = steps
        self.parameterHash = parameterHash
    }

    var problem: String? { steps < 0 ? "\(steps) applied steps" : textProblem(parameterHash) }
}
