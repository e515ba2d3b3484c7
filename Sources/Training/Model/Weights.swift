import Autograd
import Checkpoints
import Configuration
import Models
import Tensors

/// A model's parameters, buffers and counters as a safetensors file: PyTorch's names and layouts, so that
/// `load_state_dict` takes what Convoy wrote and the other way round.
package enum Weights {
    /// A writer of the values of the model called `name`, which must stay until the file is written.
    package static func writer(for arena: ParameterArena, of name: String) throws -> SafeTensorsWriter {
        var writer = SafeTensorsWriter(metadata: ["format": "pt", "model": name])
        for parameter in arena.parameters {
            try writer.add(
                parameter.name, shape: parameter.shape.dimensions,
                at: UnsafePointer(arena.values + parameter.range.lowerBound))
        }
        for buffer in arena.buffers {
            try writer.add(
                buffer.name, shape: buffer.shape.dimensions,
                at: UnsafePointer(arena.values + buffer.range.lowerBound))
        }
        for (counter, count) in zip(arena.counters, arena.counts) {
            try writer.add(counter.name, shape: [], [count])
        }
        return writer
    }

    /// Copies a file's tensors into the model, as ``load(_:into:of:)``.
    package static func load(_ file: SafeTensorsFile, into model: Model) throws {
        try load(file, into: model.arena, of: model.name)
    }

    /// Copies a file's tensors into the values of the model called `name`; double, half and bfloat16 numbers are converted, step counters may be
    /// left out.
    ///
    /// - Throws: `SafeTensorsError` for the first tensor that the model does not have, that is missing, of another
    ///   shape or type, or not finite.
    package static func load(_ file: SafeTensorsFile, into arena: ParameterArena, of name: String) throws {
        let required = arena.parameters.map(\.name) + arena.buffers.map(\.name)
        let known = Set(required).union(arena.counters.map(\.name))
        if let unknown = file.tensors.first(where: { !known.contains($0.name) })?.name {
            let guess = NearestName.of(unknown, among: required).map { "; did you mean '\($0)'?" } ?? ""
            throw SafeTensorsError(
                file.name, tensor: unknown,
                "is none of model '\(name)', whose tensors begin with "
                    + "\(required.prefix(3).joined(separator: ", "))\(guess)")
        }
        let present = Set(file.tensors.map(\.name))
        if let missing = required.first(where: { !present.contains($0) }) {
            throw SafeTensorsError(
                file.name, tensor: missing,
                "is missing; model '\(name)' has \(required.count) tensors, the file \(present.count)")
        }
        for parameter in arena.parameters {
            let elements = try file.floats(parameter.name, shape: parameter.shape.dimensions)
            elements.withUnsafeBufferPointer { copy($0, to: arena.values + parameter.range.lowerBound) }
        }
        for buffer in arena.buffers {
            let elements = try file.floats(buffer.name, shape: buffer.shape.dimensions)
            elements.withUnsafeBufferPointer { copy($0, to: arena.values + buffer.range.lowerBound) }
        }
        for (index, counter) in arena.counters.enumerated() where present.contains(counter.name) {
            arena.counts[index] = try file.elements(counter.name, as: Int64.self, shape: [])[0]
        }
    }

    private static func copy(_ source: UnsafeBufferPointer<Float>, to target: UnsafeMutablePointer<Float>) {
        if let base = source.baseAddress { target.update(from: base, count: source.count) }
    }
}
