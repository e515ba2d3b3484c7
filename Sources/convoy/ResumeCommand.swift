import ArgumentParser
import Foundation
import Training

/// Goes on with a run on this host.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Goes on with a run from its journal and newest good checkpoint, with any number of workers.",
        discussion: "The workers are processes of this host; for others see convoy coordinator --resume.")

    @Argument(help: "The run's directory.")
    var directory: String

    @OptionGroup var options: RunOptions

    func run() throws {
        let console = Console(options)
        let process = try CoordinatorProcess(
            resuming: directory, isLocal: true, overrides: options.resumeOverrides())
        console.announce(process.directory, process.configuration, nil)
        let result = try process.runLocally(
            console, command: CommandLine.arguments, program: Host.program,
            environment: ProcessInfo.processInfo.environment)
        try console.conclude(result, process.directory)
    }
}
