import Autograd
import Checkpoints
import Foundation
import Tensors

/// Golden values from a safetensors file that a script in `scripts/golden` wrote with PyTorch.
///
/// Images in the file are `[N, C, H, W]`; what leaves a fixture is in the engine's layout.
public struct Fixture: Sendable {
    /// The name of the case.
    public let name: String
    private let file: SafeTensorsFile

    /// Opens the fixture `name` of a test target.
    ///
    /// - Throws: `SafeTensorsError` when there is none or it is damaged.
    public init(_ name: String, in bundle: Bundle) throws {
        self.name = name
        file = try SafeTensorsFile(path: Self.folder(bundle).appending(path: "\(name).safetensors").path)
    }

    /// The names of a test target's fixtures that begin with one of `prefixes`, in order.
    public static func names(in bundle: Bundle, startingWith prefixes: String...) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder(bundle).path)) ?? []
        return files.filter { file in prefixes.contains { file.hasPrefix($0) } }
            .map { $0.replacing(".safetensors", with: "") }.sorted()
    }

    /// The tensor `key`, images and clips (`[N, C, T, H, W]`) with their channels last.
    ///
    /// - Throws: `SafeTensorsError` when the tensor is missing or not of float32.
    public func tensor(_ key: String) throws -> Tensor {
        let stored = try weights(key)
        return stored.shape.rank > 3 ? stored.channelsLast() : stored
    }

    /// The tensor `key` in PyTorch's layout, as filters are kept.
    ///
    /// - Throws: `SafeTensorsError` when the tensor is missing or not of float32.
    public func weights(_ key: String) throws -> Tensor {
        Tensor(Shape(file.description(of: key)?.shape ?? []), try file.elements(key, as: Float.self))
    }

    /// The samples of a network, `[N, C, H, W]` or `[N, T, C, H, W]`, with their channels last.
    ///
    /// - Throws: `SafeTensorsError` when the tensor is missing or not of float32.
    public func batch(_ key: String) throws -> Tensor {
        let stored = try weights(key)
        return stored.channelsLast(axis: stored.shape.rank - 3)
    }

    /// The integers of the tensor `key`, such as targets.
    ///
    /// - Throws: `SafeTensorsError` when the tensor is missing or not of int64.
    public func integers(_ key: String) throws -> [Int32] {
        try file.elements(key, as: Int64.self).map(Int32.init)
    }

    /// The double precision numbers of the tensor `key`.
    ///
    /// - Throws: `SafeTensorsError` when the tensor is missing or not of float64.
    public func doubles(_ key: String) throws -> [Double] { try file.elements(key) }

    /// Whether there is a tensor `key`.
    public func has(_ key: String) -> Bool { file.description(of: key) != nil }

    /// The seed from which the case was drawn.
    ///
    /// - Throws: A decoding error when the file tells none.
    public func seed() throws -> UInt64 { try metadata(Seed.self).seed }

    /// What makes up the case, as the script gave it.
    ///
    /// - Throws: A decoding error when the file tells something else.
    public func parameters<Parameters: Decodable>(as type: Parameters.Type = Parameters.self) throws -> Parameters {
        try metadata(Case<Parameters>.self).parameters
    }

    /// Copies the tensors `parameter.<name>` and `buffer.<name>` of the file to their places in `arena`; what the
    /// file does not hold keeps its value.
    ///
    /// - Throws: `SafeTensorsError` when a tensor has another shape than the arena's.
    public func load(into arena: ParameterArena) throws {
        for parameter in arena.parameters where has("parameter.\(parameter.name)") {
            try file.copy(
                "parameter.\(parameter.name)", shape: parameter.shape.dimensions,
                to: arena.values + parameter.range.lowerBound)
        }
        for buffer in arena.buffers where has("buffer.\(buffer.name)") {
            try file.copy(
                "buffer.\(buffer.name)", shape: buffer.shape.dimensions, to: arena.values + buffer.range.lowerBound)
        }
    }

    private struct Seed: Decodable { let seed: UInt64 }
    private struct Case<Parameters: Decodable>: Decodable { let parameters: Parameters }

    private func metadata<Content: Decodable>(_ type: Content.Type) throws -> Content {
        try JSONDecoder().decode(type, from: Data((file.metadata["case"] ?? "").utf8))
    }

    private static func folder(_ bundle: Bundle) -> URL { bundle.bundleURL.appending(path: "Fixtures") }
}
