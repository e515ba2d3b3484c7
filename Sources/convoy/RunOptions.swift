import ArgumentParser
import Configuration
import Foundation
import Models
import Training

/// What `local` and `coordinator` have in common.
struct RunOptions: ParsableArguments {
    @OptionGroup var source: ConfigurationOptions

    @Option(name: .long, help: "The number of workers: cluster.workers.")
    var workers: Int?

    @Option(name: .long, help: "Compute threads of each worker: cluster.threads.")
    var threads: Int?

    @Flag(name: .long, help: "Only warnings, errors and the summary.")
    var quiet = false

    @Flag(name: .long, help: "Progress as lines, also on a terminal.")
    var verbose = false

    /// The configuration with everything that the command line sets.
    func configuration() throws(ConfigurationError) -> RunConfiguration {
        var more: [String] = []
        if let workers { more.append("cluster.workers=\(workers)") }
        if let threads { more.append("cluster.threads=\(threads)") }
        return try source.configuration(more)
    }

    /// A table of the network's layers; nil when the data set is on other hosts only, which then check the network.
    ///
    /// - Throws: `ConfigurationError` when the network does not fit the data set.
    func modelTable(_ configuration: RunConfiguration) throws(ConfigurationError) -> String? {
        let environmentPath = ProcessInfo.processInfo.environment["CONVOY_DATA"]
        guard
            let model = try? ConfiguredModel(configuration, file: source.source, environmentPath: environmentPath)
        else { return nil }
        return try model.outline().table
    }

    /// What may differ when a run goes on: nothing that its result depends on.
    func resumeOverrides() throws -> [String] {
        if source.config != nil {
            throw ValidationError("--config cannot be given to a run that goes on; it keeps its own configuration")
        }
        if let key = source.overrides.first(where: { !$0.hasPrefix("cluster.") }) {
            throw ValidationError("'\(key)' cannot be changed in a run that goes on; only keys of cluster can")
        }
        var all = source.overrides
        if let workers { all.append("cluster.workers=\(workers)") }
        if let threads { all.append("cluster.threads=\(threads)") }
        return all
    }
}
