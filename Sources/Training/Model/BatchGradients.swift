import Autograd
import Checkpoints
import Cluster
import Datasets
import Layers
import Models
import Tensors

/// One forward and backward pass over a batch from a file, for comparison with other programs.
public enum BatchGradients {
    /// Computes in training mode, without an optimizer step, and writes loss, logits, gradients, updated buffers and the
    /// outputs of `layers`.
    ///
    /// - Parameters:
    ///   - configuration: The network, the loss, the data set whose classes count, and the engine.
    ///   - configurationFile: The configuration's file, of which errors speak.
    ///   - weights: A safetensors file with the network's parameters.
    ///   - batch: A safetensors file with `input`, `target` and perhaps `lengths`.
    ///   - layers: Names of layers whose outputs are written, too. Observing the last of layers that are computed
    ///     together leaves them together.
    ///   - output: The file to write; it appears complete or not at all.
    ///   - environmentPath: The value of `$CONVOY_DATA`.
    /// - Throws: An error that names the file and the tensor, or the layer, that cannot be used.
    public static func write(
        _ configuration: RunConfiguration, configurationFile: String, weights: String, batch: String, layers: [String],
        output: String, environmentPath: String?
    ) throws {
        let engine = try Engine(
            configuration.engine.kernels.instructionSet, threads: configuration.cluster.threads,
            convolution: configuration.engine.convolution)
        let classes = try DatasetCatalog.open(configuration.data, environmentPath: environmentPath).classes.count
        let loss = try LossCatalog.make(configuration.loss, classes: classes)
        let batchFile = try BatchFile(path: batch)
        try batchFile.check(classes: classes, file: batch)
        let model = try ConfiguredModel(
            configuration, file: configurationFile, sample: batchFile.sample, classes: classes
        ).model()
        for name in layers { _ = try model.summary(of: name) }
        try Weights.load(SafeTensorsFile(path: weights), into: model)

        let block = GradientBlock(for: model.arena)
        block.reset()
        let tape = Tape(engine: engine, arena: model.arena, block: block)
        var outputs: [String: Tensor] = [:]
        var observers: [String: ForwardContext.Observer] = [:]
        for name in layers { observers[name] = { outputs[name] = $0.value } }
        let context = ForwardContext(
            tape: tape, mode: .training, seed: configuration.run.seed, lengths: batchFile.lengths, observers: observers)
        let logits = model.layers(tape.constant(batchFile.input), context)
        let result = loss.evaluate(logits.value, batchFile.targets, engine)
        tape.backward(from: logits, gradient: result.gradient)
        block.finish()
        block[.lossWeight] = result.weight
        model.arena.absorb(statistics: block.base, samples: Float(batchFile.targets.count))
        try write(model, block, logits: logits.value, loss: result.mean, outputs: outputs, to: output)
    }

    private static func write(
        _ model: Model, _ block: GradientBlock, logits: Tensor, loss: Float, outputs: [String: Tensor], to path: String
    ) throws {
        var writer = SafeTensorsWriter(metadata: ["format": "pt", "model": model.name])
        try writer.add("loss", shape: [1], [loss])
        try writer.add("logits", shape: logits.shape.dimensions, logits.elements)
        for (name, output) in outputs {
            let output = output.shape.rank > 3 ? output.channelsFirst() : output
            try writer.add("output.\(name)", shape: output.shape.dimensions, output.elements)
        }
        for parameter in model.arena.parameters {
            let gradient = block.gradient(of: parameter).elements.map { $0 * block.meanFactor }
            try writer.add("grad.\(parameter.name)", shape: parameter.shape.dimensions, gradient)
        }
        for buffer in model.arena.buffers {
            try writer.add(
                "buffer.\(buffer.name)", shape: buffer.shape.dimensions,
                at: UnsafePointer(model.arena.values + buffer.range.lowerBound))
        }
        for (counter, count) in zip(model.arena.counters, model.arena.counts) {
            try writer.add("buffer.\(counter.name)", shape: [], [count])
        }
        try withExtendedLifetime(model) { try writer.write(to: path) }
    }
}
