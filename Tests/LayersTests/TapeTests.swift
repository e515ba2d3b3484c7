import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Tape and gradient block")
struct TapeTests {
    /// Two linear maps of one feature, of which a test may use one only.
    private struct Pair {
        let first, second: Linear
        let arena: ParameterArena

        init() {
            let builder = ParameterBuilder()
            first = Linear(builder.scope("first"), from: 1, to: 1)
            second = Linear(builder.scope("second"), from: 1, to: 1)
            arena = builder.build(seed: 1)
            // Weight and bias of the first, then of the second.
            for (parameter, value) in zip(arena.parameters, [Float(3), 1, 5, 2]) {
                arena.values[parameter.range.lowerBound] = value
            }
        }

        func gradients(_ block: GradientBlock) -> [Float] {
            arena.parameters.flatMap { block.gradient(of: $0).elements }
        }
    }

    @Test("a value used by several branches receives the sum of their gradients")
    func branches() throws {
        let pair = Pair()
        let block = GradientBlock(for: pair.arena)
        let tape = Tape(engine: try Engine(), arena: pair.arena, block: block)
        let context = ForwardContext(tape: tape, mode: .training)
        let x = tape.constant(Tensor([1, 1], [7]), wantsGradient: true)
        // y = 5 · h + 2 + h with h = 3 · x + 1 = 22.
        let y = Residual(ParameterBuilder(), body: pair.second)(pair.first(x, context), context)
        #expect(y.value.elements == [134])
        tape.backward(from: y, gradient: Tensor([1, 1], [10]))
        block.finish()
        #expect(tape.gradient(of: x)?.elements == [180])
        #expect(pair.gradients(block) == [420, 60, 220, 10])
    }

    @Test("a layer that is used twice receives the sum of both uses")
    func sharedLayer() throws {
        let pair = Pair()
        let block = GradientBlock(for: pair.arena)
        let tape = Tape(engine: try Engine(), arena: pair.arena, block: block)
        let context = ForwardContext(tape: tape, mode: .training)
        let y = pair.first(pair.first(tape.constant(Tensor([1, 1], [7])), context), context)
        tape.backward(from: y, gradient: Tensor([1, 1], [1]))
        block.finish()
        // y = w · h + b with h = w · x + b = 22.
        #expect(y.value.elements == [67])
        #expect(pair.gradients(block) == [43, 4, 0, 0])
    }

    @Test("unused parameters get a gradient of zero, whatever the block held before")
    func unused() throws {
        let pair = Pair()
        let block = GradientBlock(for: pair.arena)
        block.base.update(repeating: 99, count: block.count)
        block.reset()
        let pass = Pass(pair.first, pair.arena, Tensor([1, 1], [7]), engine: try Engine(), block: block) { $0 }
        #expect(pass.gradients["first.weight"]?.elements == [154])
        #expect(pass.gradients["second.weight"]?.elements == [0])
        #expect(pass.gradients["second.bias"]?.elements == [0])
    }

    @Test("a reset block forgets the gradients, statistics and tallies of the step before")
    func reset() throws {
        let builder = ParameterBuilder()
        let layer = BatchNorm(builder, channels: 2)
        let arena = builder.build(seed: 1)
        let block = GradientBlock(for: arena)
        var generator = CaseGenerator(seed: 31)
        let input = generator.tensor([2, 3, 2, 2])
        func contents() throws -> [Float] {
            _ = Pass(layer, arena, input, engine: try Engine(), block: block) { $0 }
            block[.samples] += 2
            return Array(UnsafeBufferPointer(start: block.base, count: block.count))
        }
        let first = try contents()
        block.reset()
        let second = try contents()
        #expect(second == first)
        #expect(block[.samples] == 2)
    }

    @Test("a tape without a block records nothing and asks for no gradients")
    func evaluation() throws {
        let pair = Pair()
        let tape = Tape(engine: try Engine(), arena: pair.arena)
        let x = tape.constant(Tensor([1, 1], [7]), wantsGradient: true)
        let y = pair.first(x, ForwardContext(tape: tape, mode: .evaluation))
        #expect(!y.needsGradient)
        #expect(tape.gradient(of: x) == nil)
    }

    @Test("the gradient that a caller passes in is not written to")
    func callersGradient() throws {
        let builder = ParameterBuilder()
        let layer = Residual(builder, body: Residual(builder.scope("a"), body: ReLU(builder.scope("b"))))
        let gradient = Tensor([1, 3], [1, 2, 3])
        let pass = Pass(layer, builder.build(seed: 1), Tensor([1, 3], [1, -1, 1]), engine: try Engine()) { _ in gradient
        }
        #expect(gradient.elements == [1, 2, 3])
        #expect(pass.inputGradient.elements == [3, 4, 9])
    }

    @Test("arena tensors start at cache lines and the gaps between them stay zero")
    func alignment() throws {
        let builder = ParameterBuilder()
        let layers: [any Layer] = [
            Convolution2D(builder.scope("0"), from: 3, to: 5, kernel: 3), BatchNorm(builder.scope("1"), channels: 5),
        ]
        let arena = builder.build(seed: 1)
        let block = GradientBlock(for: arena)
        var generator = CaseGenerator(seed: 37)
        _ = Pass(
            Sequential(builder, layers), arena, generator.tensor([2, 4, 4, 3]), engine: try Engine(), block: block
        ) { $0 }
        let ranges = arena.parameters.map(\.range) + arena.buffers.map(\.range)
        #expect(ranges.allSatisfy { $0.lowerBound % 16 == 0 })
        let taken = Set(ranges.joined())
        for index in 0..<arena.count where !taken.contains(index) {
            #expect(arena.values[index] == 0 && block.base[index] == 0, "element \(index)")
        }
    }
}
