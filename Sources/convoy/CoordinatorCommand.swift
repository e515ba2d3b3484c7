import ArgumentParser
import Cluster
import Foundation
import Training

/// Leads a run whose workers join by themselves.
struct CoordinatorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Leads a run whose workers join from this or other hosts.")

    @OptionGroup var options: RunOptions

    @Option(name: .long, help: "Where to listen, as in tcp://192.0.2.1:5555; port 0 takes a free one.")
    var bind: String?

    @Option(name: .long, help: "The directory of a run to take over; its workers come back by themselves.")
    var resume: String?

    @Option(
        name: .long, help: "The name or address by which other hosts reach this one, when listening on all interfaces.")
    var advertise: String?

    func validate() throws {
        guard let bind else {
            if resume == nil {
                throw ValidationError("--bind is missing; say where to listen, as in tcp://192.0.2.1:5555")
            }
            return
        }
        if advertise == nil && ["tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"].contains(where: bind.hasPrefix) {
            throw ValidationError(
                "--bind \(bind) listens on all interfaces; add --advertise with the name that others dial")
        }
    }

    func run() throws {
        let console = Console(options)
        let process: CoordinatorProcess
        var modelTable: String?
        if let resume {
            process = try CoordinatorProcess(
                resuming: resume, isLocal: false, overrides: options.resumeOverrides(), listeningAt: bind,
                advertisedHost: advertise)
        } else {
            let configuration = try options.configuration()
            modelTable = try options.modelTable(configuration)
            process = try CoordinatorProcess(configuration, listeningAt: bind, advertisedHost: advertise)
        }
        console.announce(process.directory, process.configuration, modelTable)
        // Asked for by name, so it comes with --quiet too.
        console.instruct(
            "run on each of \(process.configuration.cluster.workers) workers: convoy worker --coordinator \(process.address)"
        )
        let result = try process.run(console, command: CommandLine.arguments, modelTable: modelTable)
        try console.conclude(result, process.directory)
    }
}
