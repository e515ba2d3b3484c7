import ArgumentParser
import Configuration
import Datasets
import Foundation
import Synchronization

/// Everything about data sets that is no training.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Lists, fetches and inspects data sets.",
        subcommands: [DataListCommand.self, DataFetchCommand.self, DataInfoCommand.self])
}

/// Lists the data sets that a configuration can name.
struct DataListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists the known data sets.")

    func run() {
        let width = DatasetCatalog.entries.map(\.name.count).max() ?? 0
        for entry in DatasetCatalog.entries {
            let name = entry.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let isFetched = DatasetSource.all[entry.name] != nil
            print("\(name)  \(entry.summary)\(isFetched ? "; 'convoy data fetch \(entry.name)'" : "")")
        }
    }
}

/// Downloads a data set.
struct DataFetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Downloads, checks and unpacks a data set; goes on where an attempt broke off.")

    @Argument(help: "The data set's name, as 'convoy data list' shows it.")
    var name: String

    @Option(name: .long, help: "The folder for it; without it $CONVOY_DATA, then 'data'.")
    var path: String?

    @Option(name: .long, help: "A mirror's address, or a local folder or file to take instead of the official address.")
    var from: String?

    func run() throws {
        var data = DataConfiguration()
        data.path.value = path
        let folder = data.folder(environmentPath: ProcessInfo.processInfo.environment["CONVOY_DATA"])
        let fetch: DatasetFetch
        do {
            fetch = try DatasetFetch(name, into: folder, from: from)
        } catch {
            throw ValidationError("\(error)")
        }
        let meter = FetchMeter()
        let own = try fetch.run { meter.show($0) }
        meter.finish()
        print("\(name) is in \(own)")
    }
}

/// Shows what a folder holds.
struct DataInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Reads every sample of a data set: counts, classes, sizes, and what is broken.")

    @Argument(help: "The data set's folder, or the name of a built-in data set.")
    var path: String

    @Option(name: .long, help: "Write some samples of each class to this PNG file.")
    var sheet: String?

    func run() throws {
        var data = try DatasetDetection.configuration(at: path)
        data.onError = .skip
        let dataset = try DatasetCatalog.open(data, environmentPath: nil)
        let report = DatasetReport(dataset)
        let (train, test) = (report.counts[.train] ?? [], report.counts[.test] ?? [])
        print("data set  \(dataset.name)")
        print("samples   \(train.reduce(0, +)) train, \(test.reduce(0, +)) test, each \(dataset.sampleShape)")
        if dataset.sampleShape.frames > 1 {
            print("frames    \(report.frames.lowerBound) to \(report.frames.upperBound)")
        }
        print("digest    \(dataset.digest)")
        print("classes   \(dataset.classes.count), with train and test samples:")
        for (index, name) in dataset.classes.enumerated() { print("  \(name)  \(train[index])  \(test[index])") }
        if let sheet {
            try ContactSheet(dataset).write(to: sheet)
            print("samples of each class are in \(sheet)")
        }
        if report.faults.isEmpty { return print("every sample can be read") }
        print("\(report.faults.count) cannot be read:")
        for fault in report.faults { print("  \(fault)") }
        throw ExitCode(1)
    }
}

/// Shows on standard error how far a download is, a line for each file when that is no terminal.
private final class FetchMeter: Sendable {
    private let shown = Mutex("")
    private let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ event: DatasetFetch.Event) {
        let (subject, line): (String, String)
        switch event {
        case .loading(let file, let done, let total):
            subject = "loading \(file)"
            let share = total.map { " of \($0 >> 20) MB (\(100 * done / max($0, 1)) %)" } ?? " MB"
            line = "\(subject): \(done >> 20)\(share)"
        case .checking(let file): (subject, line) = ("checking \(file)", "checking \(file)")
        case .unpacking(let file, let path): (subject, line) = ("unpacking \(file)", "unpacking \(file): \(path)")
        }
        shown.withLock { last in
            let next = isTerminal ? line : subject
            if next == last { return }
            last = next
            write(isTerminal ? "\r\u{1B}[K\(String(next.prefix(100)))" : next + "\n")
        }
    }

    func finish() { if isTerminal { write("\r\u{1B}[K") } }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
