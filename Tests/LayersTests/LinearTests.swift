import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("A linear layer")
struct LinearTests {
    /// A layer, its batch and the gradient of what it gives.
    private struct Case: CustomStringConvertible {
        let rows, inputs, outputs: Int
        let layer: Linear
        let arena: ParameterArena
        let input, gradient: Tensor

        init(seed: UInt64) {
            var generator = CaseGenerator(seed: seed)
            // Around the vectors and parts of all instruction sets, and none of their multiples.
            let sizes = [1, 3, 8, 16, 31, 32, 48, 64, 96, 130, 192]
            rows = generator.element(of: sizes)
            inputs = generator.element(of: sizes)
            outputs = generator.element(of: sizes)
            let builder = ParameterBuilder()
            layer = Linear(builder.scope("a"), from: inputs, to: outputs)
            arena = builder.build(seed: seed)
            input = generator.tensor([rows, inputs])
            // As ReLU leaves it, or without zeros.
            let keepsAll = generator.integer(in: 0...1) == 0
            let values = generator.tensor([rows, outputs]).elements.map { keepsAll || $0 > 0 ? $0 : 0 }
            gradient = Tensor([rows, outputs], values)
        }

        var description: String { "\(inputs)→\(outputs) on \(rows)" }

        func pass(_ engine: Engine) -> Pass { Pass(layer, arena, input, engine: engine) { _ in gradient } }
    }

    @Test("gives the same bits for any number of threads", arguments: 0..<60 as Range<UInt64>)
    func bits(seed: UInt64) throws {
        let sizes = Case(seed: seed)
        for entry in EngineCase.single {
            let one = sizes.pass(try entry.make())
            for threads in 2...4 {
                let more = sizes.pass(try entry.with(threads: threads).make())
                #expect(more.differences(from: one) == [], "\(entry) \(threads) \(sizes), seed \(seed)")
            }
        }
    }

    @Test("gives what its definition says, in all directions", arguments: 0..<60 as Range<UInt64>)
    func definition(seed: UInt64) throws {
        let sizes = Case(seed: seed)
        let (rows, inputs, outputs) = (sizes.rows, sizes.inputs, sizes.outputs)
        let parameters = sizes.arena.parameters.map { sizes.arena.value(of: $0).elements.map(Double.init) }
        let (w, b) = (parameters[0], parameters[1])
        let (x, dy) = (sizes.input.elements.map(Double.init), sizes.gradient.elements.map(Double.init))
        func matrix(_ rows: Int, _ columns: Int, _ depth: Int, _ term: (Int, Int, Int) -> Double) -> [Double] {
            (0..<rows * columns).map { index in
                (0..<depth).reduce(0) { $0 + term(index / columns, index % columns, $1) }
            }
        }
        let y = matrix(rows, outputs, inputs) { x[$0 * inputs + $2] * w[$1 * inputs + $2] }
        let expected: [(String, [Double])] = [
            ("output", y.indices.map { y[$0] + b[$0 % outputs] }),
            ("input", matrix(rows, inputs, outputs) { dy[$0 * outputs + $2] * w[$2 * inputs + $1] }),
            ("a.weight", matrix(outputs, inputs, rows) { dy[$2 * outputs + $0] * x[$2 * inputs + $1] }),
            ("a.bias", matrix(1, outputs, rows) { dy[$2 * outputs + $1] }),
        ]
        for entry in EngineCase.single {
            let pass = sizes.pass(try entry.make())
            for (name, values) in expected {
                let found = try #require(
                    ["output": pass.output, "input": pass.inputGradient][name] ?? pass.gradients[name])
                #expect(
                    found.elements.count == values.count
                        && zip(found.elements, values).allSatisfy { abs(Double($0) - $1) <= 1e-5 * (1 + abs($1)) },
                    "\(entry) \(name) \(sizes), seed \(seed)")
            }
        }
    }
}
