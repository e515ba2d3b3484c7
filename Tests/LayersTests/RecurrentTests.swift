import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Recurrent layers")
struct RecurrentTests {
    /// A layer with its parameters and a batch of five sequences, the longest of which fills the frames.
    private struct Example {
        static let lengths = [3, 6, 1, 6, 4]
        let layer: Recurrent
        let arena: ParameterArena
        let input: Tensor

        init(_ kind: RecurrentKind, layers: Int = 2, dropout: Float = 0, packed: Bool = true) {
            let builder = ParameterBuilder()
            layer = Recurrent(
                builder, kind, from: 3, hidden: 5, layers: layers, bidirectional: true, dropout: dropout, packed: packed
            )
            arena = builder.build(seed: 3)
            var generator = CaseGenerator(seed: 43)
            input = generator.tensor([5, 6, 3])
        }

        func pass(
            _ input: Tensor? = nil, lengths: [Int]? = Example.lengths, mode: ForwardContext.Mode = .training,
            streamPath: [UInt64] = [], upstream: ((Tensor) -> Tensor)? = nil
        ) throws -> Pass {
            Pass(
                layer, arena, input ?? self.input, mode: mode, engine: try Engine(), streamPath: streamPath,
                lengths: lengths, upstream: upstream ?? { $0 })
        }
    }

    @Test("a packed batch gives what each sequence gives alone", arguments: RecurrentKind.allCases)
    func alone(kind: RecurrentKind) throws {
        let example = Example(kind)
        let together = try example.pass()
        for (sequence, length) in Example.lengths.enumerated() {
            let alone = try example.pass(example.input.frames(0..<length, of: sequence), lengths: nil)
            let output = together.output.frames(0..<length, of: sequence)
            #expect(disagreement(output, alone.output, relative: 1e-6) == nil, "output \(sequence)")
            let gradient = together.inputGradient.frames(0..<length, of: sequence)
            #expect(disagreement(gradient, alone.inputGradient, relative: 1e-5) == nil, "gradient \(sequence)")
        }
    }

    @Test("nothing in the padding counts, and nothing reaches it", arguments: RecurrentKind.allCases)
    func padding(kind: RecurrentKind) throws {
        let example = Example(kind)
        var spoilt = example.input
        spoilt.withMutableElements { x in
            for (sequence, length) in Example.lengths.enumerated() {
                (x + (sequence * 6 + length) * 3).update(repeating: .nan, count: (6 - length) * 3)
            }
        }
        let expected = try example.pass()
        #expect(try example.pass(spoilt).differences(from: expected) == [])
        for (sequence, length) in Example.lengths.enumerated() {
            for tensor in [expected.output, expected.inputGradient] {
                #expect(tensor.frames(length..<6, of: sequence).elements.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("a gradient that arrives at padded outputs goes nowhere")
    func upstreamPadding() throws {
        let example = Example(.lstm)
        let expected = try example.pass()
        let pass = try example.pass { output in
            var gradient = output
            gradient.withMutableElements { dy in
                for (sequence, length) in Example.lengths.enumerated() {
                    (dy + (sequence * 6 + length) * 10).update(repeating: 9, count: (6 - length) * 10)
                }
            }
            return gradient
        }
        #expect(pass.differences(from: expected) == [])
    }

    @Test("without packing lengths do not count, and packing without lengths changes nothing")
    func unpacked() throws {
        let expected = try Example(.gru, packed: false).pass(lengths: nil)
        #expect(try Example(.gru, packed: false).pass().differences(from: expected) == [])
        #expect(try Example(.gru).pass(lengths: nil).differences(from: expected) == [])
    }

    @Test("an empty shard has an empty output and gradients of zero")
    func empty() throws {
        let pass = try Example(.lstm).pass(Tensor([0, 6, 3], []), lengths: [])
        #expect(pass.output.shape == [0, 6, 10])
        #expect(pass.gradients.values.allSatisfy { $0.elements.allSatisfy { $0 == 0 } })
    }

    @Test("dropout between layers is that of a layer between them, in training only")
    func dropout() throws {
        let example = Example(.lstm, dropout: 0.5)
        let builder = ParameterBuilder()
        let parts: [any Layer] = [
            Recurrent(builder.scope("0"), .lstm, from: 3, hidden: 5, bidirectional: true, packed: true),
            Dropout(builder.scope("1"), probability: 0.5),
            Recurrent(builder.scope("2"), .lstm, from: 10, hidden: 5, bidirectional: true, packed: true),
        ]
        let chain = Sequential(builder, parts)
        let arena = builder.build(seed: 3)
        for (mine, theirs) in zip(arena.parameters, example.arena.parameters) {
            #expect(mine.shape == theirs.shape)
            (arena.values + mine.range.lowerBound).update(
                from: example.arena.values + theirs.range.lowerBound, count: mine.shape.count)
        }
        for mode in [ForwardContext.Mode.training, .evaluation] {
            let expected = Pass(
                chain, arena, example.input, mode: mode, engine: try Engine(), streamPath: [7],
                lengths: Example.lengths
            ) { $0 }
            let pass = try example.pass(mode: mode, streamPath: [7])
            #expect(isIdentical(pass.output, expected.output))
            #expect(isIdentical(pass.inputGradient, expected.inputGradient))
        }
        let (plain, other) = (try Example(.lstm).pass(), try example.pass(streamPath: [8]))
        let dropped = try example.pass(streamPath: [7])
        #expect(!isIdentical(dropped.output, plain.output) && !isIdentical(dropped.output, other.output))
        #expect(isIdentical(try example.pass(mode: .evaluation).output, plain.output))
    }

    @Test("one layer drops nothing")
    func singleLayer() throws {
        let expected = try Example(.rnn, layers: 1).pass()
        #expect(try Example(.rnn, layers: 1, dropout: 0.5).pass().differences(from: expected) == [])
    }

    @Test("parameters have PyTorch's names, order and shapes")
    func names() {
        let builder = ParameterBuilder()
        _ = Recurrent(builder.scope("gru"), .gru, from: 3, hidden: 2, layers: 2, bidirectional: true)
        let expected: [(String, Shape)] = [
            ("weight_ih_l0", [6, 3]), ("weight_hh_l0", [6, 2]), ("bias_ih_l0", [6]), ("bias_hh_l0", [6]),
            ("weight_ih_l0_reverse", [6, 3]), ("weight_hh_l0_reverse", [6, 2]), ("bias_ih_l0_reverse", [6]),
            ("bias_hh_l0_reverse", [6]), ("weight_ih_l1", [6, 4]), ("weight_hh_l1", [6, 2]), ("bias_ih_l1", [6]),
            ("bias_hh_l1", [6]), ("weight_ih_l1_reverse", [6, 4]), ("weight_hh_l1_reverse", [6, 2]),
            ("bias_ih_l1_reverse", [6]), ("bias_hh_l1_reverse", [6]),
        ]
        let parameters = builder.build(seed: 1).parameters
        #expect(parameters.map(\.name) == expected.map { "gru." + $0.0 })
        #expect(parameters.map(\.shape) == expected.map(\.1))
    }

    @Test("parameters begin uniform in ±1/√hidden, PyTorch's default")
    func initialValues() {
        let builder = ParameterBuilder()
        _ = Recurrent(builder, .lstm, from: 8, hidden: 64)
        let arena = builder.build(seed: 1)
        for parameter in arena.parameters {
            let values = arena.value(of: parameter).elements
            #expect(values.allSatisfy { abs($0) <= 0.125 }, "\(parameter.name)")
            #expect(values.contains { $0 > 0.12 } && values.contains { $0 < -0.12 }, "\(parameter.name)")
        }
    }

    @Test("an unsuitable sample is refused with the layer's name and the shape")
    func shapes() {
        let layer = Recurrent(ParameterBuilder().scope("lstm"), .lstm, from: 128, hidden: 64)
        for (sample, text) in [
            ([16, 64] as Shape, "[16, 64]"), ([128], "[128]"), ([0, 128], "[0, 128]"), ([4, 4, 128], "[4, 4, 128]"),
        ] {
            let error = #expect(throws: ShapeError.self) { _ = try layer.outputShape(for: sample) }
            #expect(
                error?.description
                    == "layer 'lstm' takes a sequence [T, 128], but its input is a sample of shape \(text)")
        }
    }
}

extension GradientCheckTests {
    @Test("recurrent layers of random sizes", arguments: 200..<216)
    func recurrent(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = RecurrentSizes()
        sizes.kind = RecurrentReferenceKind.allCases[Int(seed % 4)]
        sizes.from = generator.integer(in: 1...7)
        sizes.hidden = generator.element(of: [1, 2, 5, 8, 16, 19])
        sizes.frames = generator.integer(in: 1...6)
        sizes.bidirectional = generator.integer(in: 0...1) == 1
        sizes.lengths = (0..<generator.integer(in: 1...5)).map { _ in generator.integer(in: 1...sizes.frames) }
        let kind = try #require(RecurrentKind(rawValue: sizes.kind.rawValue))
        let hasBias = generator.integer(in: 0...3) > 0
        try check(
            recurrentReference(sizes), input: [sizes.lengths.count, sizes.frames, sizes.from], seed: seed,
            directions: 1, lengths: sizes.lengths
        ) {
            Recurrent(
                $0, kind, from: sizes.from, hidden: sizes.hidden, bidirectional: sizes.bidirectional, bias: hasBias,
                packed: true)
        }
    }
}

extension Tensor {
    /// Some frames of one sequence of a batch `[N, T, F]`, as a batch of one.
    fileprivate func frames(_ range: Range<Int>, of sequence: Int) -> Tensor {
        let first = sequence * shape[1]
        let elements = elements[(first + range.lowerBound) * shape[2]..<(first + range.upperBound) * shape[2]]
        return Tensor([1, range.count, shape[2]], Array(elements))
    }
}
