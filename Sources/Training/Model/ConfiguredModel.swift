import Autograd
import Checkpoints
import Configuration
import Datasets
import Models
import Tensors

/// The network that a configuration asks for, outside of a run.
public struct ConfiguredModel {
    private let configuration: RunConfiguration
    private let file: String
    private let sample: Shape
    private let classes: Int

    /// Learns from the data set what samples the network gets.
    ///
    /// - Parameters:
    ///   - configuration: The run, resolved.
    ///   - file: The configuration's file, of which errors speak.
    ///   - environmentPath: The value of `$CONVOY_DATA`.
    /// - Throws: `DatasetError` when the data set cannot be opened or its transforms do not fit.
    public init(_ configuration: RunConfiguration, file: String, environmentPath: String?) throws(DatasetError) {
        let pipeline = try DatasetCatalog.pipeline(configuration.data, environmentPath: environmentPath)
        self.init(
            configuration, file: file, sample: Shape(pipeline.sampleShape.dimensions),
            classes: pipeline.dataset.classes.count)
    }

    init(_ configuration: RunConfiguration, file: String, sample: Shape, classes: Int) {
        self.configuration = configuration
        self.file = file
        self.sample = sample
        self.classes = classes
    }

    /// What the network is made of.
    ///
    /// - Throws: `ConfigurationError` when it does not fit the data set.
    public func outline() throws(ConfigurationError) -> ModelOutline {
        try checked { () throws(ModelError) in
            try ModelOutline(configuration.model, sample: sample, classes: classes)
        }
    }

    /// The network with its initial parameters: those of `model.weights`, or fresh ones for the configured seed.
    ///
    /// - Throws: `ConfigurationError` when it does not fit the data set, `SafeTensorsError` for unusable weights.
    public func model() throws -> Model {
        let model = try checked { () throws(ModelError) in
            try Model(configuration.model, sample: sample, classes: classes, seed: configuration.run.seed)
        }
        if let path = configuration.model.weights.value { try Weights.load(SafeTensorsFile(path: path), into: model) }
        return model
    }

    /// Writes the network's initial parameters; the file appears complete or not at all.
    ///
    /// - Throws: As ``model()``, and `FileError` when the disk refuses.
    public func writeInitialWeights(to path: String) throws {
        let model = try model()
        try withExtendedLifetime(model) { try Weights.writer(for: model.arena, of: model.name).write(to: path) }
    }

    private func checked<Result>(
        _ make: () throws(ModelError) -> Result
    ) throws(ConfigurationError) -> Result {
        do { return try make() } catch { throw ConfigurationError(.file(file), key: "model", "\(error)") }
    }
}
