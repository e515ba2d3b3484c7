import ArgumentParser
import Foundation
import Training

/// Writes initial parameters.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Writes the network's initial parameters for the configured seed.")

    @OptionGroup var source: ConfigurationOptions

    @Option(name: .long, help: "The safetensors file to write.")
    var output: String

    func run() throws {
        let model = try ConfiguredModel(
            source.configuration(), file: source.source,
            environmentPath: ProcessInfo.processInfo.environment["CONVOY_DATA"])
        try model.writeInitialWeights(to: output)
    }
}
