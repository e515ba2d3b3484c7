import Autograd
import Checkpoints
import Configuration
import Foundation
import Hashing
import Models
import Optimizers
import Tensors

/// A worker's state after a number of steps, as the files of a checkpoint.
package struct Snapshot {
    /// What `state.json` holds.
    package struct State: Codable {
        package let step: Int
        package let epoch: Int
        package let samples: Int
        let seed: UInt64
        package let shards: Int
        package let parameterHash: String
    }

    /// The files' contents by name, in the order in which they are sent.
    package let files: [(name: String, bytes: Data)]
    package let parameterHash: String

    package init(_ replica: Replica, step: Int, epoch: Int, samples: Int) throws {
        let model = try Weights.writer(for: replica.model.arena, of: replica.model.name)
        parameterHash = try model.parameterHash().hexadecimal
        let state = State(
            step: step, epoch: epoch, samples: samples, seed: replica.configuration.run.seed,
            shards: replica.configuration.shards, parameterHash: parameterHash)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let average = try replica.optimizer.average.map { average in
            [("ema.safetensors", try Weights.writer(for: average, of: replica.model.name).bytes())]
        }
        files =
            [
                ("model.safetensors", try model.bytes()),
                ("optimizer.safetensors", try Self.writer(for: replica.optimizer, replica.model.arena).bytes()),
                ("state.json", try encoder.encode(state) + Data("\n".utf8)),
            ] + (average ?? [])
    }

    /// The hash of parameters and buffers as they would be stored.
    package static func parameterHash(_ model: Model) throws -> String {
        try Weights.writer(for: model.arena, of: model.name).parameterHash().hexadecimal
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
