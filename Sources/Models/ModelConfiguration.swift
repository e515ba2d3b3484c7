import Configuration
import Layers

/// The `model` section of a configuration.
public struct ModelConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// The network; a mere label when `layers` describes one.
    public var name = SimpleCNN.name
    /// A network of one's own as a list of layers; null: the one in the catalogue.
    public var layers: Nullable<[LayerDescription]> = nil
    /// What fresh weights are filled with.
    public var initialization = InitializerConfiguration()
    /// A safetensors file with the parameters to begin with; null: fresh ones, drawn from the seed.
    public var weights: Nullable<String> = nil

    /// The defaults.
    public init() {}

    /// A network of the catalogue.
    public init(name: String) { self.name = name }

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        if let layers = layers.value {
            return layers.isEmpty ? [("layers", "must hold at least one layer, or be null")] : []
        }
        let known = ModelCatalog.all.map { $0.name }
        return known.contains(name)
            ? [] : [("name", "names an \(UnknownName(kind: "model", name: name, known: known))")]
    }

    /// What displays and files call the network: its name, or `custom` for a list of layers without one of its own.
    public var title: String {
        let isCatalogued = ModelCatalog.all.contains { $0.name == name }
        return layers.value != nil && isCatalogued ? "custom" : name
    }

    /// What errors call the network.
    var subject: String { layers.value == nil ? "model '\(name)'" : "the network of model.layers" }

    /// The list of layers.
    ///
    /// - Throws: `UnknownName` when neither the configuration nor the catalogue has one.
    func network() throws(UnknownName) -> [LayerDescription] {
        if let layers = layers.value { return layers }
        guard let definition = ModelCatalog.all.first(where: { $0.name == name }) else {
            throw UnknownName(kind: "model", name: name, known: ModelCatalog.all.map { $0.name })
        }
        return definition.layers
    }
}
