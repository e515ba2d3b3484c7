import Checkpoints
import Cluster
import Foundation

/// The run's journal: which generations there were, which steps they committed, what was evaluated and saved.
///
/// Confined to the thread that runs the coordinator.
package final class Ledger {
    /// One line.
    package enum Record: Codable, Equatable {
        /// A coordinator leads the run from now on; where it listens and where it hands out samples, and the host name
        /// that others dial, if another one.
        case opened(run: String, bind: String?, advertisedHost: String?, samples: String? = nil)
        /// A generation began.
        case generation(assignment: Assignment, members: [RunPast.Member], identity: Identity?)
        /// Steps are committed, in order.
        case steps(reports: [StepReport])
        /// An evaluation is complete.
        case evaluation(totals: EvaluationTotals)
        /// Everything is done and saved.
        case completed(report: FinalReport)
        /// A checkpoint is complete.
        case checkpoint(step: Int)
        /// Steps from this one on are void.
        case rewound(step: Int)
        /// So long coordinators have led the run, in seconds.
        case led(seconds: Double)
    }

    /// The name of the file in a run's directory.
    package static let name = "journal"
    private let journal: Journal
    private let encoder = JSONEncoder()

    /// Opens the journal at `path` and reads what is in it.
    ///
    /// - Throws: `FileError`, `JournalError`.
    package static func open(path: String) throws -> (ledger: Ledger, records: [Record]) {
        let (journal, lines) = try Journal.open(path: path)
        return (Ledger(journal), try decode(lines, of: path))
    }

    private init(_ journal: Journal) {
        self.journal = journal
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    package func append(_ record: Record) throws { journal.append(try encoder.encode(record)) }

    /// Brings to the disk what was appended.
    package func synchronize() throws { try journal.synchronize() }

    /// What the file holds by now.
    package func records() throws -> [Record] { try Self.decode(Journal.records(path: journal.path), of: journal.path) }

    /// The records in the lines of the journal at `path`.
    ///
    /// - Throws: `JournalError` when they are not of this build's kinds.
    package static func decode(_ lines: [Data], of path: String) throws(JournalError) -> [Record] {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return try lines.enumerated().map { number, line throws(JournalError) in
            do { return try decoder.decode(Record.self, from: line) } catch {
                throw JournalError(
                    path,
                    "has a record in line \(number + 1) that this build does not know; resume the run with the build that "
                        + "began it, or start a new one")
            }
        }
    }

    /// Without the steps and evaluations that a later rewinding made void.
    package static func valid(_ records: [Record]) -> [Record] {
        var valid: [Record] = []
        var stepsPerEpoch: Int?
        for record in records {
            if case .steps(let reports) = record { stepsPerEpoch = reports.last?.stepsPerEpoch ?? stepsPerEpoch }
            if case .rewound(let step) = record {
                valid = valid.compactMap { earlier in
                    switch earlier {
                    case .steps(let reports):
                        let kept = reports.filter { $0.step < step }
                        return kept.isEmpty ? nil : .steps(reports: kept)
                    case .evaluation(let totals):
                        return stepsPerEpoch.map { (totals.epoch + 1) * $0 > step } ?? false ? nil : earlier
                    case .completed(let report): return report.steps > step ? nil : earlier
                    case .opened, .generation, .checkpoint, .rewound, .led: return earlier
                    }
                }
            }
            valid.append(record)
        }
        return valid
    }
}

extension RunPast {
    /// What `records`, the valid ones of a ledger, say of the run.
    package init(_ records: [Ledger.Record]) {
        self.init()
        for record in records {
            switch record {
            case .generation(let assignment, let members, let identity):
                generation = assignment.generation
                self.members = members
                shardCounts = assignment.shardCounts
                self.identity = identity
            case .steps(let reports):
                guard let last = reports.last else { break }
                steps = last.step + 1
                stepsPerEpoch = last.stepsPerEpoch
            case .evaluation(let totals): evaluatedEpochs = totals.epoch + 1
            case .completed(let report): final = report
            case .opened, .checkpoint, .rewound, .led: break
            }
        }
    }
}
