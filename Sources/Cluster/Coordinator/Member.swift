import Messaging

/// A worker as the coordinator sees it.
struct Member: Sendable {
    /// How far the worker has come.
    enum Stage: Sendable, Equatable {
        /// Has the configuration and builds what it asks for.
        case configuring
        /// Waits for a place, with a replica that has applied so many steps.
        case ready(steps: Int, parameterHash: String?)
        /// Trains.
        case training
        /// Stands between two steps.
        case paused(Pause)
        /// Has ended its part.
        case finished(FinalReport)
        /// Is gone, or was told to go, while the run ends.
        case left
    }

    var hello: Hello
    let id: PeerID
    var stage = Stage.configuring
    /// The place in the generation; nil before the first start.
    var rank: Int?
    var progress: Progress?
    /// Since when the progress has been the same.
    var progressSince: ContinuousClock.Instant
    var lastHeard: ContinuousClock.Instant
    /// Has not been heard of since the coordinator took over.
    var isAway = false
    /// Asked to leave.
    var isLeaving = false
    /// Holds other parameters than most.
    var isSuspect = false

    /// A worker that said `hello`.
    init(hello: Hello, id: PeerID, at now: ContinuousClock.Instant) {
        self.hello = hello
        self.id = id
        progressSince = now
        lastHeard = now
    }

    /// What people call it.
    var title: String {
        (rank.map { "worker \($0)" } ?? "worker '\(id)'") + " (\(hello.host), pid \(hello.pid))"
    }

    /// Where it was last seen training, as the end of a sentence; empty when it has not said so.
    ///
    /// It outlives the worker: that its connection closed may be known before what ended it.
    var place: String {
        guard rank != nil, stage == .training || stage == .left, let progress else { return "" }
        return " at step \(progress.step) (\(progress.phase.rawValue))"
    }

    /// Whether the run still counts on it.
    var isPresent: Bool { stage != .left }

    /// The number of steps that its replica has applied, once it stands still; nil when it does not, or is not trusted.
    var steps: Int? {
        if isSuspect { return nil }
        return switch stage {
        case .ready(let steps, _): steps
        case .paused(let pause): pause.steps
        case .finished(let report): report.steps
        case .configuring, .training, .left: nil
        }
    }

    /// The hash of its parameters, once it stands still and has said it.
    var parameterHash: String? {
        switch stage {
        case .ready(_, let hash): hash
        case .paused(let pause): pause.parameterHash
        case .finished(let report): report.parameterHash
        case .configuring, .training, .left: nil
        }
    }

    /// Whether it could take a place in a new generation at once.
    var isAvailable: Bool {
        switch stage {
        case .ready, .paused, .finished: !isLeaving
        case .configuring, .training, .left: false
        }
    }
}
