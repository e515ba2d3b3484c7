import ArgumentParser
import Foundation
import Models
import Training

/// Shows a network.
struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Shows the layers of the configured network with shapes and parameters.")

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
        let model = try ConfiguredModel(
            source.configuration(), file: source.source,
            environmentPath: ProcessInfo.processInfo.environment["CONVOY_DATA"])
        print(try model.outline().table)
    }
}
