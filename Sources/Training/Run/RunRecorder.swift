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
    private let metrics: MetricsFile
    private let store: CheckpointStore
    private var environment: EnvironmentRecord
    private var hellos: [PeerID: Hello] = [:]
    private var workerLogs: WorkerLogs
    private var writer: CheckpointWriter?
    private var refusedCheckpoint: Int?
    private var pace = Pace()
    /// By epoch: the next one may begin before the evaluation of the last one has come together.
    private var epochs: [Int: EpochTally] = [:]
    private let start = ContinuousClock.now

    /// What the run's result will say of it so far.
    package private(set) var result: RunResult
    /// The newest complete checkpoint.
    package private(set) var checkpoint: Checkpoint?

    package init(
        _ configuration: RunConfiguration, directory: RunDirectory, environment: EnvironmentRecord,
        display: any RunDisplay, startsWorkers: Bool = false
    ) throws {
        self.configuration = configuration
        self.directory = directory
        self.environment = environment
        self.display = display
        self.startsWorkers = startsWorkers
        workerLogs = WorkerLogs(directory)
        log = try FileLog(path: "\(directory.logs)/coordinator.log")
        metrics = try MetricsFile(path: directory.file("metrics.jsonl"))
        store = try CheckpointStore(directory: directory.checkpoints, keep: configuration.training.keepCheckpoints)
        result = RunResult(
            status: .failed, epochs: 0, steps: 0, samples: 0, wallSeconds: 0, workers: configuration.cluster.workers,
            generations: 0, lostSteps: 0, repeatedSamples: 0, skippedSamples: 0)
        try AtomicFile.write(directory.file("config.yaml"), Data(try configuration.yaml().utf8))
        try directory.write(environment, to: "environment.json")
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
        case .started(let generation, let members): started(generation, members)
        case .stepped(let report): stepped(report)
        case .evaluated(let totals): evaluated(totals)
        case .checkpointPart(let part, let bytes): store(part, bytes)
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
        writer?.abandon()
        writer = nil
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
        result.trainLoss = epochs.max { $0.key < $1.key }?.value.meanLoss ?? result.trainLoss
        result.wallSeconds = start.duration(to: .now).seconds
        for (worker, lines) in workerLogs.unassigned {
            for line in lines { log.write(line.level, "\(worker): \(line.line)") }
        }
        log.write(.info, "the run ended: \(result.status.rawValue)\(result.error.map { ": \($0)" } ?? "")")
        try metrics.close()
        try directory.write(result, to: "result.json")
        return result
    }

    private func started(_ generation: Int, _ members: [Assignment.Member]) {
        result.generations = generation
        result.workers = members.count
        pace.restart()
        for member in members {
            log.write(.info, "generation \(generation): \(member) is '\(member.id)' at \(member.dataAddress)")
        }
        environment.workers = members.compactMap { member in
            hellos[member.id].map {
                .init(rank: member.rank, id: member.id.name, $0, threads: threads(of: $0), kernels: kernels(of: $0))
            }
        }
        do {
            try workerLogs.begin(members)
            try directory.write(environment, to: "environment.json")
        } catch {
            complain("a file of the run's directory was not written: \(error)")
        }
        display.print("training with \(members.map(\.description).joined(separator: ", "))")
    }

    private func threads(of hello: Hello) -> Int { hello.threads ?? configuration.cluster.threads }

    private func kernels(of hello: Hello) -> String {
        configuration.engine.kernels == .auto ? hello.kernels : configuration.engine.kernels.rawValue
    }

    private func stepped(_ report: StepReport) {
        epochs[report.epoch, default: EpochTally()].add(report)
        let epoch = epochs[report.epoch, default: EpochTally()]
        result.steps += 1
        result.samples += report.samples
        write(StepRecord(report))
        pace.add(samples: report.samples)
        display.show(
            ProgressLine(
                epoch: report.epoch + 1, epochs: configuration.training.epochs,
                step: report.step % report.stepsPerEpoch + 1, steps: report.stepsPerEpoch,
                imagesPerSecond: pace.samplesPerSecond, loss: epoch.meanLoss ?? 0, accuracy: epoch.accuracy,
                remainingSeconds: pace.remaining(steps: report.totalSteps - report.step - 1)))
    }

    private func evaluated(_ totals: EvaluationTotals) {
        let epoch = epochs.removeValue(forKey: totals.epoch) ?? EpochTally()
        let record = EpochRecord(
            epoch: totals.epoch, steps: epoch.steps, samples: epoch.samples, trainLoss: epoch.meanLoss ?? 0,
            trainAccuracy: epoch.accuracy, testLoss: totals.meanLoss, testAccuracy: totals.accuracy,
            testSamples: totals.samples, seconds: epoch.seconds,
            samplesPerSecond: Double(epoch.samples) / max(epoch.seconds, 1e-9))
        write(record)
        result.epochs += 1
        result.trainLoss = record.trainLoss
        result.testAccuracy = totals.accuracy
        result.testLoss = totals.meanLoss
        display.print(
            "epoch \(totals.epoch + 1)/\(configuration.training.epochs) done: "
                + "train loss \(ProgressLine.fixed(record.trainLoss, 4)), "
                + "accuracy \(ProgressLine.fixed(record.trainAccuracy, 4)); "
                + "test loss \(ProgressLine.fixed(totals.meanLoss, 4)), "
                + "accuracy \(ProgressLine.fixed(totals.accuracy, 4)) over \(totals.samples) samples; "
                + "\(Int(record.samplesPerSecond.rounded())) images/s")
    }

    private func write(_ record: some Encodable) {
        do { try metrics.append(record) } catch { complain("a metric was not written: \(error)") }
    }

    /// A checkpoint that cannot be written is lost; the run goes on and the next one is tried.
    private func store(_ part: CheckpointPart, _ bytes: Frame) {
        guard refusedCheckpoint != part.step else { return }
        do {
            if writer?.step != part.step {
                writer?.abandon()
                writer = try store.begin(step: part.step)
            }
            try bytes.withBytes { try writer?.append(part.file, $0) }
            if part.isLast {
                checkpoint = try writer?.finish()
                writer = nil
                log.write(.info, "checkpoint of step \(part.step) complete")
            }
        } catch {
            writer?.abandon()
            writer = nil
            refusedCheckpoint = part.step
            complain("the checkpoint of step \(part.step) was not written: \(error)")
        }
    }

    private func complain(_ line: String) {
        log.write(.error, line)
        display.warn(line)
    }
}

/// Sums over the steps of an epoch.
private struct EpochTally {
    var steps = 0
    var samples = 0
    var seconds = 0.0
    private var lossSum = 0.0
    private var lossWeight = 0.0
    private var correct = 0

    var meanLoss: Double? { samples == 0 ? nil : lossWeight > 0 ? lossSum / lossWeight : 0 }
    var accuracy: Double { samples == 0 ? 0 : Double(correct) / Double(samples) }

    mutating func add(_ report: StepReport) {
        steps += 1
        samples += report.samples
        seconds += report.seconds
        lossSum += report.lossSum
        lossWeight += report.lossWeight
        correct += report.correct
    }
}

/// How fast a run goes: over the last seconds for the display, over all for the remaining time.
private struct Pace {
    private var start = ContinuousClock.now
    private var steps = 0
    private var recent: ArraySlice<(time: ContinuousClock.Instant, samples: Int)> = []

    mutating func restart() { self = Pace() }

    mutating func add(samples: Int) {
        let now = ContinuousClock.now
        steps += 1
        recent.append((now, samples))
        while let first = recent.first, recent.count > 2, first.time.duration(to: now) > .seconds(5) {
            recent.removeFirst()
        }
    }

    var samplesPerSecond: Double {
        guard let first = recent.first, let last = recent.last, recent.count > 1 else { return 0 }
        let samples = recent.dropFirst().reduce(0) { $0 + $1.samples }
        return Double(samples) / max(first.time.duration(to: last.time).seconds, 1e-9)
    }

    func remaining(steps left: Int) -> Double? {
        steps < 3 ? nil : start.duration(to: .now).seconds / Double(steps) * Double(left)
    }
}
