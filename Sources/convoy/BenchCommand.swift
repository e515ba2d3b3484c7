import ArgumentParser

/// Measures this build on this host.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures this build on this host.",
        subcommands: [
            BenchTrainCommand.self, BenchAllReduceCommand.self, BenchEngineCommand.self, BenchDataCommand.self,
        ])
}
