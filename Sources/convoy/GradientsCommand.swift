import ArgumentParser
import Foundation
import Training

/// Computes the gradients of one batch.
struct GradientsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gradients",
        abstract: "Writes loss, logits, gradients and updated buffers of one pass, without an optimizer step.")

    @OptionGroup var source: ConfigurationOptions

    @Option(name: .long, help: "A safetensors file with the network's parameters, as init or PyTorch write it.")
    var weights: String

    @Option(name: .long, help: "A safetensors file with input, target and, for clips, perhaps lengths.")
    var batch: String

    @Option(name: .customLong("layer"), help: "A layer whose output is written, too, as output.<layer>; repeatable.")
    var layers: [String] = []

    @Option(name: .long, help: "The safetensors file to write.")
    var output: String

    func run() throws {
        try BatchGradients.write(
            source.configuration(), configurationFile: source.source, weights: weights, batch: batch, layers: layers,
            output: output, environmentPath: ProcessInfo.processInfo.environment["CONVOY_DATA"])
    }
}
