import Logging
import Messaging

/// What a coordinator tells whoever watches the run.
public enum CoordinatorReport: Sendable {
    /// The run waits for workers; comes every few seconds.
    case waiting(Waiting)
    /// A worker was admitted.
    case joined(PeerID, Hello)
    /// A worker was refused, and why.
    case refused(PeerID, who: String, reason: String)
    /// The workers of a generation train; how each introduced itself, by rank, and what all of them share.
    case started(Assignment, [RunPast.Member], Identity?)
    /// The state of later steps is lost; steps from this one on are taken again.
    case rewound(to: Int)
    /// Steps were applied, in order.
    case stepped([StepReport])
    /// An evaluation is complete.
    case evaluated(EvaluationTotals)
    /// Some bytes of a checkpoint.
    case checkpointPart(CheckpointPart, Frame)
    /// A checkpoint is complete.
    case saved(step: Int)
    /// Everything is done and saved; comes before the workers are let go.
    case completed(FinalReport)
    /// A worker has ended its part.
    case finished(rank: Int, FinalReport)
    /// A worker's line for the run's log.
    case log(PeerID, LogLine)
    /// Something worth a line of the coordinator's own log.
    case notice(Logger.Level, String)
}

/// Whom a run waits for before it starts or goes on.
public struct Waiting: Sendable, Equatable, CustomStringConvertible {
    /// How many workers the run needs.
    public let needed: Int
    /// Workers that are ready, by name.
    public let ready: [String]
    /// Workers that have joined and still load, by name.
    public let configuring: [String]
    /// How long the run goes on waiting.
    public let left: Duration

    /// How many workers have not joined.
    public var missing: Int { max(0, needed - ready.count - configuring.count) }

    /// Who is there and who is not, as part of a sentence.
    public var description: String {
        var parts = ["\(missing) of \(needed) workers \(missing == 1 ? "is" : "are") missing"]
        if !configuring.isEmpty { parts.append("still loading: " + configuring.joined(separator: ", ")) }
        if !ready.isEmpty { parts.append("ready: " + ready.joined(separator: ", ")) }
        return parts.joined(separator: "; ")
    }
}

/// `text` without what could steer a terminal, shortened to a line that a log can hold.
func printable(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(4096).map { scalar in
        scalar.isControl ? " " : Character(scalar)
    }
    return String(scalars)
}
