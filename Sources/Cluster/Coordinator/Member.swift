import Messaging

/// A worker as the coordinator sees it.
struct Member: Sendable {
    /// How far the worker has come.
    enum Stage: Sendable, Equatable {
        /// Has the configuration and builds what it asks for.
        case configuring
        /// Waits for the start.
        case ready
        /// Trains.
        case training
        /// Has ended its part.
        case finished(FinalReport)
        /// Is gone, or was told to go.
        case left
    }

    let hello: Hello
    let id: PeerID
    var stage = Stage.configuring
    /// The place in the generation; nil before the first start.
    var rank: Int?
    var progress: Progress?
    var lastHeard: ContinuousClock.Instant

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
}
