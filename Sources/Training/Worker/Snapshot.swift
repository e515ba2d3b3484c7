import Autograd
import Checkpoints
import Cluster
import Configuration
import Foundation
import Hashing
import Messaging
import Models
import Optimizers
import Tensors

/// All state of a replica after a number of steps, as the files of a checkpoint.
///
/// The same files go to the disk and to workers that join: whatever a replica learns to keep has its place here.
package struct Snapshot {
    /// What `state.json` holds.
    package struct State: Codable {
        package let step: Int
        package let epoch: Int
        package let samples: Int
        let seed: UInt64
        package let shards: Int
        package let parameterHash: String
        let optimizerHash: String
        let averageHash: String?
        let place: Place
    }

    static let modelFile = "model.safetensors"
    static let optimizerFile = "optimizer.safetensors"
    static let averageFile = "ema.safetensors"
    static let stateFile = "state.json"

    /// The files' contents by name, in the order in which they are sent.
    package let files: [(name: String, bytes: Data)]
    package let parameterHash: String
    package let step: Int

    /// Copies the state of `replica`.
    package init(_ replica: Replica, stepsPerEpoch: Int) throws {
        let model = try Weights.writer(for: replica.model.arena, of: replica.model.name)
        let optimizer = try Self.writer(for: replica.optimizer, replica.model.arena)
        let average = try replica.optimizer.average.map { try Weights.writer(for: $0, of: replica.model.name) }
        parameterHash = try model.parameterHash().hexadecimal
        step = replica.place.steps
        let state = State(
            step: step, epoch: step / stepsPerEpoch, samples: replica.place.samples,
            seed: replica.configuration.run.seed, shards: replica.configuration.shards, parameterHash: parameterHash,
            optimizerHash: try optimizer.parameterHash().hexadecimal,
            averageHash: try average?.parameterHash().hexadecimal,
            place: replica.place)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let tensors =
            [(Self.modelFile, model), (Self.optimizerFile, optimizer)]
            + (average.map { [(Self.averageFile, $0)] } ?? [])
        files =
            try tensors.map { name, writer in (name, try writer.bytes()) }
            + [(Self.stateFile, try encoder.encode(state) + Data("\n".utf8))]
    }

    /// The files of a complete checkpoint.
    ///
    /// - Throws: When a file cannot be read.
    package init(_ checkpoint: Checkpoint) throws {
        files = try checkpoint.files.map { name in
            (name, try Data(contentsOf: URL(fileURLWithPath: checkpoint.path(of: name)), options: .alwaysMapped))
        }
        step = checkpoint.step
        parameterHash = try Self.state(in: files).parameterHash
    }

    /// State that was received; `files` are its contents by name.
    ///
    /// - Throws: `SnapshotError` when the state cannot be understood.
    init(received files: [(name: String, bytes: Data)]) throws {
        self.files = files
        let state = try Self.state(in: files)
        step = state.step
        parameterHash = state.parameterHash
    }

    /// Gives `replica` this state, once all hashes fit.
    ///
    /// - Throws: `SnapshotError` when it is damaged or belongs to another run, and the errors of safetensors files.
    package func restore(_ replica: Replica) throws {
        let state = try Self.state(in: files)
        let configuration = replica.configuration
        guard state.seed == configuration.run.seed, state.shards == configuration.shards else {
            throw SnapshotError(
                "it was made with seed \(state.seed) and \(state.shards) shards, not with \(configuration.run.seed) and "
                    + "\(configuration.shards)")
        }
        let model = try tensors(of: Self.modelFile, state.parameterHash)
        let optimizer = try tensors(of: Self.optimizerFile, state.optimizerHash)
        let average = try state.averageHash.map { try tensors(of: Self.averageFile, $0) }
        let arena = replica.model.arena
        try Weights.load(model, into: arena, of: replica.model.name)
        if let average, let target = replica.optimizer.average {
            try Weights.load(average, into: target, of: replica.model.name)
        }
        for (slot, name) in zip(replica.optimizer.slots, replica.optimizer.optimizer.slotNames) {
            for parameter in arena.parameters {
                try optimizer.copy(
                    "\(name).\(parameter.name)", shape: parameter.shape.dimensions,
                    to: slot + parameter.range.lowerBound)
            }
        }
        replica.optimizer.resume(after: state.place.updates)
        replica.place = state.place
    }

    /// Bytes of one part: other messages pass between them.
    private static let partBytes = 4 << 20

    /// The files in parts, in order.
    package var parts: [(part: CheckpointPart, bytes: Frame)] {
        files.enumerated().flatMap { index, file in
            stride(from: 0, to: file.bytes.count, by: Self.partBytes).map { start in
                let end = min(start + Self.partBytes, file.bytes.count)
                let isLast = index == files.count - 1 && end == file.bytes.count
                let part = CheckpointPart(
                    file: file.name, step: step, offset: start, totalBytes: file.bytes.count,
                    isFirst: index == 0 && start == 0, isLast: isLast)
                return (part, Frame(file.bytes[start..<end]))
            }
        }
    }

    /// The hash of parameters and buffers as they would be stored.
    package static func parameterHash(_ model: Model) throws -> String {
        try Weights.writer(for: model.arena, of: model.name).parameterHash().hexadecimal
    }

    /// A file of tensors whose hash is as expected.
    private func tensors(of name: String, _ hash: String) throws -> SafeTensorsFile {
        let file = try SafeTensorsFile(bytes: try bytes(of: name), name: name)
        let found = file.parameterHash().hexadecimal
        guard found == hash else { throw SnapshotError("\(name) has the hash \(found), not \(hash)") }
        return file
    }

    private func bytes(of name: String) throws -> Data { try Self.bytes(of: name, in: files) }

    private static func bytes(of name: String, in files: [(name: String, bytes: Data)]) throws -> Data {
        guard let file = files.first(where: { $0.name == name }) else { throw SnapshotError("\(name) is missing") }
        return file.bytes
    }

    private static func state(in files: [(name: String, bytes: Data)]) throws -> State {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(State.self, from: try bytes(of: stateFile, in: files))
        } catch is DecodingError {
            throw SnapshotError("\(stateFile) cannot be understood")
        }
    }

    /// For each slot and parameter a tensor `<slot>.<parameter>`.
    private static func writer(for state: OptimizerState, _ arena: ParameterArena) throws -> SafeTensorsWriter {
        var writer = SafeTensorsWriter(metadata: ["optimizer": type(of: state.optimizer).name])
        for (slot, name) in zip(state.slots, state.optimizer.slotNames) {
            for parameter in arena.parameters {
                try writer.add(
                    "\(name).\(parameter.name)", shape: parameter.shape.dimensions,
                    at: UnsafePointer(slot + parameter.range.lowerBound))
            }
        }
        return writer
    }
}

/// State of a replica that cannot be taken over.
package struct SnapshotError: Error, CustomStringConvertible {
    let problem: String

    init(_ problem: String) { self.problem = problem }

    package var description: String { "the state of the replica cannot be taken over: \(problem)" }
}
