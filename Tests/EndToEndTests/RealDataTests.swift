import Checkpoints
import Foundation
import Testing

extension EndToEnd {
    /// Needs the official files.
    @Suite("Real data")
    struct RealDataTests {
        private static let folder = ProcessInfo.processInfo.environment["CONVOY_DATA"].flatMap { folder in
            FileManager.default.fileExists(atPath: folder + "/cifar-10-batches-bin") ? folder : nil
        }

        @Test(
            "two workers learn from CIFAR-10 and evaluate every test sample once",
            .enabled(if: folder != nil, "set CONVOY_DATA to the folder that holds cifar-10-batches-bin"))
        func cifar10() throws {
            try Sandbox.with { sandbox in
                let process = try sandbox.finish(
                    sandbox.training(
                        workers: 2, "data.name=cifar10", "data.limit=2048", "training.batch=64", "training.epochs=1"),
                    data: Self.folder, within: .seconds(120))
                #expect(try process.end() == .status(0), "\(process.standardError)")
                let run = try sandbox.run()
                let result = try run.result
                #expect(result.extent == [1, 32, 2048])
                #expect(try run.epochs.map(\.testSamples) == [10_000])
                // Chance is 0.1.
                #expect(try #require(result.testAccuracy) > 0.15)
                #expect(try run.checkpoint().parameterHash == result.parameterHash)
            }
        }
    }
}
