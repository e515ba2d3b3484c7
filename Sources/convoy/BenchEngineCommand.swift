import ArgumentParser
import Foundation
import Tensors
import Training

/// Measures the engine's kernels.
struct BenchEngineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Measures the engine's kernels beside this core's peak of matrix products.")

    @Option(name: .long, help: "The kernels: avx512, avx2 or baseline; without it the widest of this CPU.")
    var kernels: InstructionSet = .best

    @Option(name: .long, help: "As engine.convolution: auto or direct.")
    var convolution: ConvolutionPreference = .auto

    @Option(name: .long, help: "Calls of which the median counts.")
    var repetitions = 9

    @Flag(name: .long, help: "One JSON object a line on standard output.")
    var json = false

    func validate() throws {
        guard repetitions > 0 else { throw ValidationError("--repetitions must be at least 1, found \(repetitions)") }
    }

    func run() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try EngineBenchmark(kernels, convolution: convolution, repetitions: repetitions).run { result in
            if json { return print(String(decoding: try encoder.encode(result), as: UTF8.self)) }
            let shape = result.shape.map(String.init).joined(separator: "×")
            print(
                String(format: "%8.1f GFLOP/s %5.0f %%  ", result.gflops, result.share * 100)
                    + "\(result.kernel), \(shape), \(result.direction), \(result.algorithm)")
        }
    }
}

extension InstructionSet: ExpressibleByArgument {}
extension ConvolutionPreference: ExpressibleByArgument {}
