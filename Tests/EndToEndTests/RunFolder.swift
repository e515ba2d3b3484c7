import Checkpoints
import Foundation
import Hashing
import Testing

/// A run's directory as a stranger reads it.
struct RunFolder {
    /// What `result.json` must hold.
    struct Result: Decodable {
        let status: String
        let epochs, steps, samples: Int
        let trainLoss, testAccuracy, testLoss: Double?
        let parameterHash: String?
        let wallS: Double
        let workers, generations, lostSteps, repeatedSamples, skippedSamples: Int
        let error: String?

        /// Epochs, steps, samples.
        var extent: [Int] { [epochs, steps, samples] }
        /// Lost steps, repeated and skipped samples.
        var losses: [Int] { [lostSteps, repeatedSamples, skippedSamples] }
    }

    /// A line of `metrics.jsonl` for a step.
    struct Step: Decodable {
        let kind: String
        let epoch, step, samples: Int
        let loss, accuracy, learningRate: Double
        let seconds, computeSeconds, communicationSeconds, hiddenSeconds, dataSeconds: Double
    }

    /// A line of `metrics.jsonl` for an epoch.
    struct Epoch: Decodable {
        let kind: String
        let epoch, steps, samples, testSamples: Int
        let trainLoss, trainAccuracy, testLoss, testAccuracy, seconds, samplesPerSecond: Double

        /// Epoch, steps, samples.
        var extent: [Int] { [epoch, steps, samples] }
    }

    let path: String

    /// The run's id.
    var id: String { (path as NSString).lastPathComponent }
    /// The result; throws while there is none.
    var result: Result { get throws { try Self.decoder.decode(Result.self, from: contents("result.json")) } }
    /// The steps in the order of their lines.
    var steps: [Step] { get throws { try lines(of: "step") } }
    /// The epochs in the order of their lines.
    var epochs: [Epoch] { get throws { try lines(of: "epoch") } }
    /// The number of steps so far; for a run under way.
    var stepCount: Int { (try? steps.count) ?? 0 }

    /// The configuration's file.
    var configuration: String { path + "/config.yaml" }

    func contents(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    func text(_ name: String) throws -> String { String(decoding: try contents(name), as: UTF8.self) }

    /// The names of all files, relative to the directory.
    var files: Set<String> {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return Set(
            all.filter { name in
                var isFolder: ObjCBool = false
                return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
                    && !isFolder.boolValue
            })
    }

    /// Whether the checkpoint of `step` is complete.
    func hasCheckpoint(_ step: Int) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/checkpoints/step-\(step)/manifest.json")
    }

    /// The checkpoint of `step`, or that which `latest` names, checked against its manifest.
    func checkpoint(_ step: Int? = nil) throws -> Checkpoint {
        let name = try step.map { "step-\($0)" } ?? text("checkpoints/latest").trimmingCharacters(in: .newlines)
        return try Checkpoint.open("\(path)/checkpoints/\(name)")
    }

    private func lines<Line: Decodable>(of kind: String) throws -> [Line] {
        // The last line may be on its way.
        let complete = try text("metrics.jsonl").split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return try complete.filter { $0.contains(#""kind":"\#(kind)""#) }.map {
            try Self.decoder.decode(Line.self, from: Data($0.utf8))
        }
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}

extension Checkpoint {
    /// The SHA-256 over the tensors of `model.safetensors` in the order of their names.
    var parameterHash: String {
        get throws {
            let file = try SafeTensorsFile(path: path(of: "model.safetensors"))
            var bytes = Data()
            for name in file.tensors.map(\.name).sorted() {
                try file.withBytes(of: name) { bytes.append(contentsOf: $0) }
            }
            return SHA256.hash(bytes).hexadecimal
        }
    }
}
