import ArgumentParser
import Configuration
import Training

/// What `local` and `coordinator` have in common.
struct RunOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration, a YAML file; without it the defaults.")
    var config: String?

    @Option(name: .long, help: "The number of workers: cluster.workers.")
    var workers: Int?

    @Option(name: .long, help: "Compute threads of each worker: cluster.threads.")
    var threads: Int?

    @Flag(name: .long, help: "Only warnings, errors and the summary.")
    var quiet = false

    @Flag(name: .long, help: "Progress as lines, also on a terminal.")
    var verbose = false

    @Argument(help: "Keys to set, as in training.epochs=3.")
    var overrides: [String] = []

    /// The configuration with everything that the command line sets.
    func configuration() throws(ConfigurationError) -> RunConfiguration {
        var all = overrides
        if let workers { all.append("cluster.workers=\(workers)") }
        if let threads { all.append("cluster.threads=\(threads)") }
        if let config { return try RunConfiguration.read(path: config, overrides: all) }
        return try RunConfiguration.defaults(overrides: all)
    }
}
