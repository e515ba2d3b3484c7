import ArgumentParser
import Cluster
import Datasets
import Foundation
import Models
import Training

/// What a person sees of a run: a line that is drawn anew on a terminal, plain lines elsewhere.
///
/// Progress goes to standard error, the summary to standard output. No colours are used, so NO_COLOR holds.
final class Console: RunDisplay {
    private let isQuiet: Bool
    private let isTerminal: Bool
    private var isDrawn = false
    private var lastDrawn: ContinuousClock.Instant?

    init(_ options: RunOptions) {
        isQuiet = options.quiet
        isTerminal = isatty(STDERR_FILENO) == 1 && !options.verbose && ProcessInfo.processInfo.environment["CI"] == nil
    }

    func print(_ line: String) {
        if !isQuiet { write(line) }
    }

    func warn(_ line: String) { write("warning: \(line)") }

    /// Ten times a second on a terminal; every ten seconds and at the end of an epoch elsewhere.
    func show(_ progress: ProgressLine) {
        guard !isQuiet else { return }
        let now = ContinuousClock.now
        let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
        if let lastDrawn, lastDrawn.duration(to: now) < interval, progress.step < progress.steps { return }
        lastDrawn = now
        guard isTerminal else { return write("\(progress)") }
        let filled = Int(progress.fraction * 20)
        let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 20 - filled)
        FileHandle.standardError.write(Data("\r\u{1b}[K\(bar) \(progress)".utf8))
        isDrawn = true
    }

    /// Says what begins.
    func announce(_ directory: RunDirectory, _ configuration: RunConfiguration, _ modelTable: String?) {
        if let notice = BLASCorrection.notice { print(notice) }
        print(
            "run \(directory.id): \(configuration.model.title) on \(configuration.data.name), "
                + "\(configuration.cluster.workers) workers with \(configuration.cluster.threads) threads, "
                + "batch \(configuration.training.batch) in \(configuration.shards) shards, "
                + "\(configuration.training.epochs) epochs")
        if let modelTable { print(modelTable) }
    }

    /// Tells what has to be done elsewhere.
    func instruct(_ line: String) { write(line) }

    /// Prints the summary and ends with the run's exit status.
    func conclude(_ result: RunResult, _ directory: RunDirectory) throws {
        clear()
        var lines: [String] = []
        if let accuracy = result.testAccuracy { lines.append("test accuracy   \(accuracy)") }
        if let loss = result.testLoss { lines.append("test loss       \(ProgressLine.fixed(loss, 4))") }
        lines.append("steps           \(result.steps) in \(result.epochs) epochs, \(result.samples) samples")
        lines.append("time            \(ProgressLine.clock(result.wallSeconds))")
        if let hash = result.parameterHash { lines.append("parameters      sha256 \(hash)") }
        lines.append("run directory   \(directory.path)")
        Swift.print(lines.joined(separator: "\n"))
        switch result.status {
        case .completed: return
        case .interrupted:
            write("interrupted; \(result.parameterHash == nil ? "no" : "a") checkpoint of the last step was written")
            throw ExitCode(130)
        case .failed: throw RunError(text: result.error ?? "the run failed")
        }
    }

    private func write(_ line: String) {
        clear()
        FileHandle.standardError.write(Data("\(line)\n".utf8))
    }

    private func clear() {
        if isDrawn { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
        isDrawn = false
    }
}

/// A run that failed.
private struct RunError: Error, CustomStringConvertible {
    let text: String

    var description: String { text }
}
