import Autograd
import Checkpoints
import Cluster
import Configuration
import Datasets
import Foundation
import Hashing
import Layers
import Models
import Optimizers
import Tensors

/// One worker's copy of the network, its optimizer state and its access to the data.
///
/// Confined to the work thread.
package final class Replica {
    package let configuration: RunConfiguration
    package let engine: Engine
    package let pipeline: Pipeline
    package let model: Model
    package let loss: any Loss
    package let optimizer: OptimizerState
    package var place = Place()

    /// Builds what a configuration asks for; `environmentPath` is the value of `$CONVOY_DATA`.
    ///
    /// - Throws: The error of the module that cannot serve it, which names the key, file or layer.
    package convenience init(_ configuration: RunConfiguration, threads: Int, environmentPath: String?) throws {
        try self.init(
            configuration, threads: threads,
            pipeline: try DatasetCatalog.pipeline(configuration.data, environmentPath: environmentPath))
    }

    /// Builds what a configuration asks for, for samples that are at hand.
    ///
    /// - Throws: The error of the module that cannot serve it, which names the key or layer.
    package init(_ configuration: RunConfiguration, threads: Int, pipeline: Pipeline) throws {
        self.configuration = configuration
        self.pipeline = pipeline
        engine = try Engine(
            configuration.engine.kernels.instructionSet, threads: threads,
            convolution: configuration.engine.convolution)
        model = try Model(
            configuration.model, sample: Shape(pipeline.sampleShape.dimensions),
            classes: pipeline.dataset.classes.count, seed: configuration.run.seed)
        if let path = configuration.model.weights.value { try Weights.load(SafeTensorsFile(path: path), into: model) }
        loss = try LossCatalog.make(configuration.loss, classes: pipeline.dataset.classes.count)
        optimizer = try OptimizerState(
            configuration.optimizer, for: model.arena, averageDecay: configuration.training.emaDecay.value)
    }

    /// Where the samples come from.
    package var dataset: any Dataset { pipeline.dataset }

    /// The parameters that are judged: their moving average, where one is kept.
    var judged: ParameterArena { optimizer.average ?? model.arena }

    /// What all workers of a run must have in common.
    package func identity(build: String) throws -> Identity {
        // Results do not depend on how many take part, nor with how many threads.
        var common = configuration
        common.cluster = ClusterConfiguration()
        var parts: [Identity.Field] = [
            .init("build", build),
            .init("configuration", SHA256.hash(Data(try common.yaml().utf8)).hexadecimal),
            .init("model", SHA256.hash(Data(model.signature.utf8)).hexadecimal),
            .init("data set", "\(dataset.name) \(dataset.digest)"),
            .init("kernels", engine.kernelName),
            .init("BLAS core", BLAS.coreName),
        ]
        // Fresh parameters follow from the configuration; those of a file are each host's own.
        if configuration.model.weights.value != nil {
            parts.append(
                .init("weights", try Weights.writer(for: model.arena, of: model.name).parameterHash().hexadecimal))
        }
        return Identity(parts)
    }

    /// What a worker says that stands between two steps.
    func pause(isAgreed: Bool = false, reason: String? = nil, suspects: [Int] = []) throws -> Pause {
        Pause(
            steps: place.steps, parameterHash: try Snapshot.parameterHash(model), isAgreed: isAgreed, reason: reason,
            suspects: suspects)
    }

    /// What a worker says at the end of its part.
    func finalReport(isComplete: Bool) throws -> FinalReport {
        FinalReport(
            isComplete: isComplete, steps: place.steps, samples: place.samples, skippedSamples: place.skippedSamples,
            repeatedSamples: place.repeatedSamples, parameterHash: try Snapshot.parameterHash(model),
            peakMemoryMB: Host.peakMemoryMB)
    }
}
