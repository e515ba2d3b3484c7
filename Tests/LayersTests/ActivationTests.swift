import Autograd
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Activations")
struct ActivationTests {
    /// A layer, its function in double precision and the largest relative error of its values.
    struct Case: CustomStringConvertible, Sendable {
        let description: String
        let error: Double
        let layer: @Sendable (ParameterBuilder) -> any Layer
        let function: @Sendable (Double) -> Double

        init(
            _ name: String, error: Double, _ function: @escaping @Sendable (Double) -> Double,
            _ layer: @escaping @Sendable (ParameterBuilder) -> any Layer
        ) {
            description = name
            self.error = error
            self.layer = layer
            self.function = function
        }
    }

    static let cases = [
        Case("relu", error: 0, { max($0, 0) }) { ReLU($0) },
        Case("leaky_relu", error: 1e-7, { max($0, 0) + 0.125 * min($0, 0) }) { LeakyReLU($0, slope: 0.125) },
        Case("elu", error: 5e-7, { $0 > 0 ? $0 : 0.5 * expm1($0) }) { ELU($0, alpha: 0.5) },
        Case("gelu", error: 1e-6, { 0.5 * $0 * erfc(-$0 / 2.squareRoot()) }) { GELU($0) },
        Case(
            "gelu_tanh", error: 2e-6,
            { $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
        ) { GELU($0, form: .tanh) },
        Case("silu", error: 5e-7, { $0 / (1 + exp(-$0)) }) { SiLU($0) },
        Case("sigmoid", error: 3e-7, { 1 / (1 + exp(-$0)) }) { Sigmoid($0) },
        Case("tanh", error: 3e-7, { tanh($0) }) { Tanh($0) },
    ]

    private func pass(_ testCase: Case, _ input: [Float], _ engineCase: EngineCase) throws -> Pass {
        let builder = ParameterBuilder()
        let layer = testCase.layer(builder)
        return Pass(
            layer, builder.build(seed: 1), Tensor([1, input.count], input), engine: try engineCase.make()
        ) { Tensor($0.shape, Array(repeating: 1, count: input.count)) }
    }

    @Test("values are those of double precision, relatively, and slopes those of differences", arguments: cases)
    func accuracy(testCase: Case) throws {
        let numbers = (-3000...3000).map { Float($0) / 1000 + 0.0003 } + [1e-6, -1e-6, 1e-20, -1e-20]
        for engineCase in EngineCase.single {
            let pass = try pass(testCase, numbers, engineCase)
            let (values, slopes) = (pass.output.elements, pass.inputGradient.elements)
            for (index, number) in numbers.enumerated() {
                let x = Double(number)
                let expected = testCase.function(x)
                let error = abs(Double(values[index]) - expected)
                #expect(error <= testCase.error * abs(expected), "f(\(x)), \(engineCase)")
                // Some have no derivative at zero.
                if abs(x) < 1e-4 { continue }
                let step = 1e-5
                let slope = (testCase.function(x + step) - testCase.function(x - step)) / (2 * step)
                #expect(abs(Double(slopes[index]) - slope) <= 1e-6, "f'(\(x)), \(engineCase)")
            }
        }
    }

    @Test("large numbers give the limits, a NaN stays", arguments: cases)
    func extremes(testCase: Case) throws {
        let numbers: [Float] = [100, -100, 1000, -1000, .nan]
        for engineCase in EngineCase.single {
            let values = try pass(testCase, numbers, engineCase).output.elements
            for (value, number) in zip(values, numbers).dropLast() {
                let expected = testCase.function(Double(number))
                #expect(abs(Double(value) - expected) <= 1e-6 * abs(expected) + 1e-30, "f(\(number)), \(engineCase)")
            }
            #expect(values[4].isNaN, "\(engineCase)")
        }
    }

    @Test("the probabilities of softmax sum to one, however far apart the inputs are")
    func softmax() throws {
        let builder = ParameterBuilder()
        let layer = Softmax(builder)
        let input = Tensor([2, 3], [1000, 1001, 0, -3000, -3000, -3000])
        for engineCase in EngineCase.single {
            let pass = Pass(layer, builder.build(seed: 1), input, engine: try engineCase.make()) { $0 }
            let expected = Tensor([2, 3], [0.26894143, 0.73105857, 0, 1 / 3, 1 / 3, 1 / 3])
            #expect(disagreement(pass.output, expected, relative: 3e-7) == nil, "\(engineCase)")
        }
    }
}
