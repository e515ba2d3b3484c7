import ArgumentParser
import Configuration
import Foundation
import Training

/// The command `convoy`.
@main
struct Convoy: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains image and video networks on many CPUs at once.",
        version: Host.version,
        subcommands: [
            LocalCommand.self, CoordinatorCommand.self, WorkerCommand.self, ResumeCommand.self, ModelCommand.self,
            InitCommand.self, GradientsCommand.self, DataCommand.self, BenchCommand.self,
        ])

    /// Exit status: 0 done, 1 the run failed, 2 unusable arguments or configuration, 130 interrupted.
    static func main() {
        BLASCorrection.applyOnce()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as ConfigurationError {
            end("\(error)", status: 2)
        } catch let status as ExitCode where status.rawValue < 3 || status.rawValue == 130 {
            Foundation.exit(status.rawValue)
        } catch {
            let message = fullMessage(for: error)
            switch exitCode(for: error) {
            case .success:
                print(message)
                Foundation.exit(0)
            case .validationFailure: end(message, status: 2)
            default: end("\(error)", status: 1)
            }
        }
    }

    private static func end(_ message: String, status: Int32) -> Never {
        let line = message.hasPrefix("Error: ") ? message : "Error: \(message)"
        FileHandle.standardError.write(Data("\(line)\n".utf8))
        Foundation.exit(status)
    }
}
