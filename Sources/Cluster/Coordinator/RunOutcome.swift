import Messaging

/// How a run ended.
public enum RunOutcome: Sendable, Equatable {
    /// Everything that was configured is done and all workers hold the same parameters.
    case completed(FinalReport)
    /// It was stopped; with a report when it was stopped at a step boundary, without one when at once.
    case interrupted(FinalReport?)
    /// It failed.
    case failed(RunFailure)
}

/// Why a run failed: the first cause, and what followed from it.
public struct RunFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The first cause, naming the worker.
    public let cause: String
    /// What other workers reported because of it, in order of arrival.
    public let consequences: [String]

    /// A failure for `cause`.
    public init(cause: String, consequences: [String]) {
        self.cause = cause
        self.consequences = consequences
    }

    /// The first cause, then what followed.
    public var description: String {
        consequences.isEmpty ? cause : cause + "; then: " + consequences.joined(separator: "; ")
    }
}

/// The causes that were reported while a run broke down, and which of them is the first one.
///
/// A survivor often says that it lost a peer before the coordinator knows that the peer was killed. So causes have
/// kinds, and a better kind takes the place of an earlier, weaker one.
struct FailureCauses: Sendable {
    /// How much a cause explains, weakest first.
    enum Kind: Int, Comparable, Sendable {
        /// A worker says that it suffers from something elsewhere.
        case consequence
        /// A worker cannot be reached; why is open.
        case connection
        /// A process ended with a status; its own words may still arrive.
        case exit
        /// Somebody interrupted a worker.
        case interrupt
        /// A worker's own words, a signal, a silence, a broken promise: nothing explains it further.
        case root

        static func < (one: Kind, other: Kind) -> Bool { one.rawValue < other.rawValue }
    }

    private struct Cause {
        let worker: PeerID?
        let kind: Kind
        let text: String
    }

    private var causes: [Cause] = []

    /// Notes a cause; of each worker the one that explains most is kept, the first of equals.
    ///
    /// Who says that the trouble lies elsewhere is believed, whatever way its process or connection ends.
    mutating func note(_ kind: Kind, worker: PeerID?, _ text: String) {
        if let known = causes.firstIndex(where: { $0.worker == worker }) {
            let before = causes[known].kind
            let isBetter = kind == .consequence ? before < .interrupt : kind > before
            guard before != .consequence && isBetter else { return }
            causes[known] = Cause(worker: worker, kind: kind, text: text)
        } else {
            causes.append(Cause(worker: worker, kind: kind, text: text))
        }
    }

    /// The strongest kind so far.
    var strongest: Kind? { causes.map(\.kind).max() }

    /// The first among the strongest causes, with the others behind it.
    var verdict: RunFailure {
        let first = causes.firstIndex { $0.kind == strongest }
        return RunFailure(
            cause: first.map { causes[$0].text } ?? "the run failed for an unknown reason",
            consequences: causes.indices.filter { $0 != first }.map { causes[$0].text })
    }
}
