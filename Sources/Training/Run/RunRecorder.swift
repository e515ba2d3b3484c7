import Checkpoints
import Cluster
import Foundation
import Logging
import Messaging
import Threading

/// Turns what the coordinator reports into the files of the run's directory and what a person sees.
///
/// Confined to the thread that runs the coordinator.
package final class RunRecorder: CoordinatorObserver {
    private let configuration: RunConfiguration
    private let directory: RunDirectory
    private let display: any RunDisplay
    private let startsWorkers: Bool
    private let log: FileLog
    private var metrics: MetricsFile
    private let ledger: Ledger
    private let archive: CheckpointArchive
    private let coordinator: Coordinator
    private let restore: (Assignment) -> Void
    private let isResumed: Bool
    private var environment: EnvironmentRecord
    private var hellos: [PeerID: Hello] = [:]
    private var workerLogs: WorkerLogs
    private var pace = Pace()
    /// Said once, however often a full disk is tried.
    private var lastComplaint: String?
    /// Why the newest checkpoint was kept from the archive; nil when it was not.
    private var unwritten: String?
    /// By epoch: the next one may begin before the evaluation of the last one has come together.
    private var epochs: [Int: EpochTally] = [:]
    private let start = ContinuousClock.now
    /// How long the coordinators of before have led the run.
    private var secondsBefore = 0.0

    /// What the run's result will say of it so far.
    package private(set) var result: RunResult

    /// Records a run.
    ///
    /// - Parameters:
    ///   - ledger: The run's journal; `past` are its valid records so far, from which metrics and sums are made anew.
    ///   - coordinator: Hears of checkpoints.
    ///   - restore: Gives the workers of a generation the state of a checkpoint when none of them has it.
    package init(
        _ configuration: RunConfiguration, directory: RunDirectory, environment: EnvironmentRecord, ledger: Ledger,
        past: [Ledger.Record] = [], coordinator: Coordinator, display: any RunDisplay, startsWorkers: Bool = false,
        failpoints: Failpoints = Failpoints(), restore: @escaping (Assignment) -> Void = { _ in }
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.environment = environment
        self.display = display
        self.startsWorkers = startsWorkers
        workerLogs = WorkerLogs(directory)
        log = try FileLog(path: directory.coordinatorLog)
        self.ledger = ledger
        self.coordinator = coordinator
        self.restore = restore
        isResumed = !past.isEmpty
        metrics = try MetricsFile(path: directory.file(Self.metricsName), isNew: isResumed)
        let store = try CheckpointStore(directory: directory.checkpoints, keep: configuration.training.keepCheckpoints)
        archive = CheckpointArchive(store, failpoints: failpoints) { outcome in
            switch outcome {
            case .saved(let checkpoint): coordinator.saved(step: checkpoint.step)
            case .failed(let step, let reason): coordinator.notSaved(step: step, reason)
            }
        }
        result = RunResult(
            status: .failed, epochs: 0, steps: 0, samples: 0, wallSeconds: 0, workers: configuration.cluster.workers,
            generations: 0, lostSteps: 0, repeatedSamples: 0, skippedSamples: 0)
        for record in past {
            switch record {
            case .generation(let assignment, let members, _):
                for member in members { hellos[member.id] = member.hello }
                try begin(assignment)
            case .led(let seconds): secondsBefore = seconds
            case .opened, .steps, .evaluation, .checkpoint, .rewound, .completed: break
            }
        }
        take(past)
        try directory.write(self.environment, to: "environment.json")
    }

    private static let metricsName = "metrics.jsonl"

    /// Counts what is written down already, and writes its metrics.
    private func take(_ records: [Ledger.Record]) {
        for record in records {
            switch record {
            case .steps(let reports): count(reports)
            case .evaluation(let totals): count(totals)
            case .opened, .generation, .checkpoint, .rewound, .completed, .led: break
            }
        }
    }

    package func observe(_ report: CoordinatorReport) {
        switch report {
        case .waiting(let waiting):
            log.write(.info, "\(waiting)")
            // Workers on this host need a moment to start; that is not worth a line.
            if !startsWorkers || start.duration(to: .now) > .seconds(2) {
                display.print("waiting: \(waiting), giving up in \(ProgressLine.clock(waiting.left.seconds))")
            }
        case .joined(let peer, let hello):
            hellos[peer] = hello
            log.write(
                .info,
                "joined: \(peer) (\(hello.host), pid \(hello.pid), \(threads(of: hello)) threads, \(kernels(of: hello)) kernels, "
                    + "BLAS core \(hello.blasCore))")
        case .refused(_, let who, let reason):
            display.warn("refused \(who): \(reason)")
            log.write(.warning, "refused \(who): \(reason)")
        case .started(let assignment, let members, let identity):
            append(.generation(assignment: assignment, members: members, identity: identity))
            started(assignment)
        case .stepped(let reports):
            append(.steps(reports: reports))
            stepped(reports)
        case .evaluated(let totals):
            append(.evaluation(totals: totals))
            evaluated(totals)
        case .rewound(let step): rewind(to: step)
        case .checkpointPart(let part, let bytes):
            // The journal first: no checkpoint may hold steps that it does not know.
            if part.isLast && !record() {
                let reason = "the checkpoint of step \(part.step) was not written, since the journal was not"
                unwritten = reason
                coordinator.notSaved(step: part.step, reason)
            } else {
                if part.isLast { unwritten = nil }
                archive.add(part, bytes)
            }
        case .saved(let step):
            append(.checkpoint(step: step))
            log.write(.info, "checkpoint of step \(step) complete")
        case .completed(let report): append(.completed(report: report))
        case .finished(let rank, let report):
            log.write(
                .info,
                "worker \(rank) finished after step \(report.steps): parameters \(report.parameterHash), "
                    + "peak memory \(Int(report.peakMemoryMB)) MB")
        case .log(let worker, let line):
            do { try workerLogs.add(line, from: worker) } catch {
                complain("a worker's line was not written: \(error)")
            }
        case .notice(let level, let line):
            log.write(level, line)
            if level >= .warning { display.warn(line) } else if level == .notice { display.print(line) }
        }
    }

    /// Writes `result.json`, last of all files.
    package func conclude(_ outcome: RunOutcome) throws -> RunResult {
        let final: FinalReport?
        switch outcome {
        case .completed(let report):
            result.status = .completed
            final = report
        case .interrupted(let report):
            result.status = .interrupted
            final = report
        case .failed(let failure):
            result.status = .failed
            result.error = "\(failure)"
            final = nil
        }
        if let final {
            result.lostSteps = final.steps - result.steps
            result.parameterHash = final.parameterHash
            result.skippedSamples = final.skippedSamples
            result.repeatedSamples = final.repeatedSamples
        }
        var missing = unwritten
        if case .failed(_, let reason) = archive.close(until: .now + Self.archiveTimeout) { missing = reason }
        if let missing {
            complain(missing)
            if result.status == .completed {
                result.status = .failed
                result.error = "the training is complete, but its last checkpoint is missing: \(missing)"
            }
        }
        result.trainLoss = epochs.max { $0.key < $1.key }?.value.meanLoss ?? result.trainLoss
        result.wallSeconds = seconds
        for (worker, lines) in workerLogs.unassigned {
            for line in lines { log.write(line.level, "\(worker): \(line.line)") }
        }
        log.write(.info, "the run ended: \(result.status.rawValue)\(result.error.map { ": \($0)" } ?? "")")
        append(.led(seconds: seconds))
        do { try ledger.synchronize() } catch { complain("the journal was not written: \(error)") }
        try metrics.close()
        try directory.write(result, to: "result.json")
        return result
    }

    /// How long this coordinator and those before it have led the run.
    private var seconds: Double { secondsBefore + start.duration(to: .now).seconds }

    /// Remembers who trains from now on.
    private func begin(_ assignment: Assignment) throws {
        result.generations = assignment.generation
        result.workers = assignment.members.count
        environment.workers = assignment.members.compactMap { member in
            hellos[member.id].map {
                .init(rank: member.rank, id: member.id.name, $0, threads: threads(of: $0), kernels: kernels(of: $0))
            }
        }
        try workerLogs.begin(assignment.members)
    }

    private func started(_ assignment: Assignment) {
        let (generation, members) = (assignment.generation, assignment.members)
        pace.restart()
        for member in members {
            log.write(
                .info,
                "generation \(generation) from step \(assignment.firstStep): \(member) is '\(member.id)' at "
                    + "\(member.dataAddress), shards \(assignment.shards[member.rank])")
        }
        do {
            try begin(assignment)
            try directory.write(environment, to: "environment.json")
        } catch {
            complain("a file of the run's directory was not written: \(error)")
        }
        let place = assignment.firstStep > 0 ? " from step \(assignment.firstStep)" : ""
        display.print("training\(place) with \(members.map(\.description).joined(separator: ", "))")
        // What no worker has, a checkpoint has.
        if assignment.holders.isEmpty { restore(assignment) }
    }

    private func threads(of hello: Hello) -> Int { hello.threads ?? configuration.cluster.threads }

    private func kernels(of hello: Hello) -> String {
        configuration.engine.kernels == .auto ? hello.kernels : configuration.engine.kernels.rawValue
    }

    /// Counts steps; what they change can be made anew from the journal.
    private func count(_ reports: [StepReport]) {
        for report in reports {
            epochs[report.epoch, default: EpochTally()].add(report)
            result.steps += 1
            result.samples += report.samples
        }
        write(reports.map(StepRecord.init))
    }

    private func stepped(_ reports: [StepReport]) {
        count(reports)
        pace.add(reports)
        guard let last = reports.last else { return }
        let epoch = epochs[last.epoch, default: EpochTally()]
        display.show(
            ProgressLine(
                epoch: last.epoch + 1, epochs: configuration.training.epochs,
                step: last.step % last.stepsPerEpoch + 1, steps: last.stepsPerEpoch,
                imagesPerSecond: pace.samplesPerSecond, loss: epoch.meanLoss ?? 0, accuracy: epoch.accuracy,
                remainingSeconds: pace.remaining(steps: last.totalSteps - last.step - 1)))
    }

    /// Counts an evaluation, as ``count(_:)`` a step.
    @discardableResult
    private func count(_ totals: EvaluationTotals) -> EpochRecord {
        let epoch = epochs.removeValue(forKey: totals.epoch) ?? EpochTally()
        let record = EpochRecord(
            epoch: totals.epoch, steps: epoch.steps, samples: epoch.samples, trainLoss: epoch.meanLoss ?? 0,
            trainAccuracy: epoch.accuracy, testLoss: totals.meanLoss, testAccuracy: totals.accuracy,
            testSamples: totals.samples, seconds: epoch.seconds,
            samplesPerSecond: Double(epoch.samples) / max(epoch.seconds, 1e-9))
        write([record])
        result.epochs += 1
        result.trainLoss = record.trainLoss
        result.testAccuracy = totals.accuracy
        result.testLoss = totals.meanLoss
        return record
    }

    private func evaluated(_ totals: EvaluationTotals) {
        let record = count(totals)
        display.print(
            "epoch \(totals.epoch + 1)/\(configuration.training.epochs) done: "
                + "train loss \(ProgressLine.fixed(record.trainLoss, 4)), "
                + "accuracy \(ProgressLine.fixed(record.trainAccuracy, 4)); "
                + "test loss \(ProgressLine.fixed(totals.meanLoss, 4)), "
                + "accuracy \(ProgressLine.fixed(totals.accuracy, 4)) over \(totals.samples) samples; "
                + "\(Int(record.samplesPerSecond.rounded())) images/s")
    }

    private func write(_ records: [some Encodable]) {
        do { try metrics.append(records) } catch { complain("a metric was not written: \(error)") }
    }

    /// How long the last checkpoint may take to reach the disk.
    private static let archiveTimeout = Duration.seconds(120)

    private func append(_ record: Ledger.Record) {
        do { try ledger.append(record) } catch { complain("a record was not written to the journal: \(error)") }
    }

    /// Brings the journal to the disk; what could not be written is tried again.
    package func record() -> Bool {
        append(.led(seconds: seconds))
        do {
            try ledger.synchronize()
            return true
        } catch {
            if lastComplaint != "\(error)" { complain("the journal was not written: \(error)") }
            lastComplaint = "\(error)"
            return false
        }
    }

    /// Makes metrics and sums anew without the steps that are void.
    private func rewind(to step: Int) {
        append(.rewound(step: step))
        guard record() else { return }
        (result.steps, result.samples, result.epochs) = (0, 0, 0)
        epochs = [:]
        do {
            metrics = try MetricsFile(path: directory.file(Self.metricsName), isNew: true)
            take(Ledger.valid(try ledger.records()))
        } catch {
            complain("the metrics were not made anew: \(error)")
        }
    }

    private func complain(_ line: String) {
        log.write(.error, line)
        display.warn(line)
    }
}
