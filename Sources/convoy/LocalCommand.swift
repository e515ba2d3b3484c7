import ArgumentParser
import Foundation
import Training

/// Trains on this host alone.
struct LocalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "local", abstract: "Trains with a coordinator and worker processes on this host.")

    @OptionGroup var options: RunOptions

    func run() throws {
        let configuration = try options.configuration()
        let modelTable = try options.modelTable(configuration)
        let console = Console(options)
        let process = try CoordinatorProcess(configuration)
        console.announce(process.directory, configuration, modelTable)
        let result = try process.runLocally(
            console, command: CommandLine.arguments, program: Host.program,
            environment: ProcessInfo.processInfo.environment, modelTable: modelTable)
        try console.conclude(result, process.directory)
    }
}
