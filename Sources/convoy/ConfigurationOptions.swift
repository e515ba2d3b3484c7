import ArgumentParser
import Configuration
import Training

/// Where a configuration comes from.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "The configuration, a YAML file; without it the defaults.")
    var config: String?

    @Argument(help: "Keys to set, as in training.epochs=3.")
    var overrides: [String] = []

    /// What errors call the configuration.
    var source: String { config ?? "the defaults" }

    /// The configuration; `more` overrides come last.
    func configuration(_ more: [String] = []) throws(ConfigurationError) -> RunConfiguration {
        if let config { return try RunConfiguration.read(path: config, overrides: overrides + more) }
        return try RunConfiguration.defaults(overrides: overrides + more)
    }
}
