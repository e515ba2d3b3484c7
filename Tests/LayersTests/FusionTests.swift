import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Layers that are computed together")
struct FusionTests {
    fileprivate static let networks: [String: @Sendable (ParameterBuilder) -> [any Layer]] = [
        "convolution and ReLU": { builder in
            [Convolution2D(builder.scope("a"), from: 16, to: 16, kernel: 3, padding: 1), ReLU(builder.scope("b"))]
        },
        "convolution, ReLU and pooling": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 32, kernel: 3, padding: 1), ReLU(builder.scope("b")),
                MaxPool2D(builder.scope("c"), kernel: 2),
            ]
        },
        "convolution, ReLU and overlapping pooling": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 5, kernel: 3), ReLU(builder.scope("b")),
                MaxPool2D(builder.scope("c"), kernel: 3, stride: 2, padding: 1),
            ]
        },
        "convolutions, ReLU, pooling and flattening": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 16, kernel: 3, padding: 1), ReLU(builder.scope("b")),
                Convolution2D(builder.scope("c"), from: 16, to: 32, kernel: 3, padding: 1), ReLU(builder.scope("d")),
                MaxPool2D(builder.scope("e"), kernel: 2), Flatten(builder.scope("f")),
            ]
        },
        "convolution and batch norm": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 32, kernel: 3, stride: 2, padding: 1, bias: false),
                BatchNorm(builder.scope("b"), channels: 32),
            ]
        },
        "convolution, batch norm without weights and ReLU": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 48, kernel: 1), ReLU(builder.scope("between")),
                Convolution2D(builder.scope("b"), from: 48, to: 32, kernel: 3, padding: 1),
                BatchNorm(builder.scope("c"), channels: 32, affine: false), ReLU(builder.scope("d")),
            ]
        },
        "wide convolution, batch norm and ReLU": { builder in
            [
                Convolution2D(builder.scope("widen"), from: 16, to: 176, kernel: 1),
                Convolution2D(builder.scope("a"), from: 176, to: 176, kernel: 3, padding: 1, bias: false),
                BatchNorm(builder.scope("b"), channels: 176), ReLU(builder.scope("c")),
            ]
        },
        "chain of sequences": { builder in
            let stem: [any Layer] = [
                Convolution2D(builder.scope("stem"), from: 16, to: 32, kernel: 3, padding: 1, bias: false),
                BatchNorm(builder.scope("norm"), channels: 32), ReLU(builder.scope("relu")),
            ]
            func block(_ name: String, from inputs: Int, to outputs: Int, stride: Int) -> Sequential {
                let scope = builder.scope(name)
                return Sequential(
                    scope,
                    [
                        Convolution2D(
                            scope.scope("d"), from: inputs, to: inputs, kernel: 3, stride: .init(stride), padding: 1,
                            groups: inputs),
                        BatchNorm(scope.scope("b1"), channels: inputs), ReLU(scope.scope("r1")),
                        Convolution2D(scope.scope("p"), from: inputs, to: outputs, kernel: 1, bias: false),
                        BatchNorm(scope.scope("b2"), channels: outputs, affine: false), ReLU(scope.scope("r2")),
                    ])
            }
            return stem + [block("first", from: 32, to: 48, stride: 2), block("second", from: 48, to: 64, stride: 1)]
        },
        "residual block with a shortcut": { builder in
            let body = Sequential(
                builder.scope("body"),
                [
                    Convolution2D(builder.scope("a"), from: 16, to: 32, kernel: 3, stride: 2, padding: 1, bias: false),
                    BatchNorm(builder.scope("b"), channels: 32), ReLU(builder.scope("c")),
                    Convolution2D(builder.scope("d"), from: 32, to: 32, kernel: 3, padding: 1),
                    BatchNorm(builder.scope("e"), channels: 32),
                ])
            let shortcut = Sequential(
                builder.scope("shortcut"),
                [
                    Convolution2D(builder.scope("s"), from: 16, to: 32, kernel: 1, stride: 2, bias: false),
                    BatchNorm(builder.scope("t"), channels: 32),
                ])
            return [Residual(builder.scope("sum"), body: body, shortcut: shortcut), ReLU(builder.scope("f"))]
        },
        "wide chain": { builder in
            [
                Convolution2D(builder.scope("a"), from: 16, to: 176, kernel: 1, bias: false),
                BatchNorm(builder.scope("b"), channels: 176), ReLU(builder.scope("c")),
                Convolution2D(builder.scope("d"), from: 176, to: 176, kernel: 3, padding: 1, bias: false),
                BatchNorm(builder.scope("e"), channels: 176), ReLU(builder.scope("f")),
                Convolution2D(builder.scope("g"), from: 176, to: 16, kernel: 3, padding: 1, bias: false),
                BatchNorm(builder.scope("h"), channels: 16),
            ]
        },
        "residual block": { builder in
            let body = Sequential(
                builder.scope("body"),
                [
                    Convolution2D(builder.scope("a"), from: 16, to: 16, kernel: 3, padding: 1, bias: false),
                    BatchNorm(builder.scope("b"), channels: 16), ReLU(builder.scope("c")),
                    Convolution2D(builder.scope("d"), from: 16, to: 16, kernel: 3, padding: 1, bias: false),
                    BatchNorm(builder.scope("e"), channels: 16),
                ])
            return [Residual(builder.scope("sum"), body: body), ReLU(builder.scope("f"))]
        },
    ]

    /// A pass of the chain itself, and one of its layers one after the other.
    private func passes(_ name: String, _ engine: Engine) throws -> (fused: Pass, single: Pass, arena: ParameterArena) {
        let builder = ParameterBuilder()
        let make = try #require(Self.networks[name])
        let layers = make(builder)
        let chain = Sequential(builder.scope("chain"), layers)
        let arena = builder.build(seed: 5)
        var generator = CaseGenerator(seed: 37)
        let input = generator.tensor([3, 10, 8, 16])
        func pass(_ layer: any Layer) -> Pass {
            var gradients = CaseGenerator(seed: 41)
            return Pass(layer, arena, input, engine: engine) { gradients.tensor($0.shape) }
        }
        return (pass(chain), pass(Steps(layers: layers)), arena)
    }

    @Test("give what they give one after the other, to rounding", arguments: networks.keys.sorted())
    func equality(name: String) throws {
        for entry in EngineCase.single {
            let (fused, single, _) = try passes(name, try entry.make())
            #expect(disagreement(fused.output, single.output, relative: 1e-4, absolute: 1e-5) == nil, "\(entry)")
            #expect(
                disagreement(fused.inputGradient, single.inputGradient, relative: 1e-3, absolute: 1e-4) == nil,
                "\(entry)")
            for (name, expected) in single.gradients {
                let found = try #require(fused.gradients[name])
                #expect(disagreement(found, expected, relative: 1e-3, absolute: 1e-3) == nil, "\(entry) \(name)")
            }
        }
    }

    @Test("give the same bits for any number of threads", arguments: networks.keys.sorted())
    func threads(name: String) throws {
        for entry in EngineCase.single {
            let one = try passes(name, try entry.make()).fused
            for threads in [2, 3] {
                let more = try passes(name, try entry.with(threads: threads).make()).fused
                #expect(more.differences(from: one) == [], "\(entry) \(threads)")
            }
        }
    }

    @Test("show each layer's output to its observer")
    func observers() throws {
        let builder = ParameterBuilder()
        let make = try #require(Self.networks["residual block"])
        let layers = make(builder)
        let chain = Sequential(builder.scope("chain"), layers)
        let arena = builder.build(seed: 5)
        var generator = CaseGenerator(seed: 43)
        let input = generator.tensor([2, 8, 8, 16])
        var seen: [String: Tensor] = [:]
        func output(observing paths: [String]) throws -> Tensor {
            let tape = Tape(engine: try Engine(), arena: arena, block: GradientBlock(for: arena))
            let observers = paths.map { path in (path, { (output: Variable) in seen[path] = output.value }) }
            let context = ForwardContext(
                tape: tape, mode: .training, observers: Dictionary(uniqueKeysWithValues: observers))
            return chain(tape.constant(input), context).value
        }
        let plain = try output(observing: [])
        for path in ["a", "b", "c", "d", "e", "sum", "f"] {
            let observed = try output(observing: [path])
            #expect(seen[path]?.shape == [2, 8, 8, 16], "\(path)")
            #expect(disagreement(observed, plain, relative: 1e-4, absolute: 1e-5) == nil, "\(path)")
        }
        // Whoever looks at the last of layers that are computed together leaves them together.
        for path in ["c", "f"] { #expect(try output(observing: [path]).elements == plain.elements, "\(path)") }
        #expect(try #require(seen["f"]).elements == plain.elements)
        #expect(try #require(seen["c"]).elements.allSatisfy { $0 >= 0 })
        #expect(try #require(seen["e"]).elements.contains { $0 < 0 })
    }
}

extension FusionTests {
    @Test("take no new memory after the first step", arguments: networks.keys.sorted())
    func memory(name: String) throws {
        let engine = try Engine()
        let builder = ParameterBuilder()
        let make = try #require(Self.networks[name])
        let chain = Sequential(builder.scope("chain"), make(builder))
        let arena = builder.build(seed: 5)
        var generator = CaseGenerator(seed: 47)
        let input = generator.tensor([4, 12, 12, 16])
        func step() { _ = Pass(chain, arena, input, engine: engine) { $0 } }
        step()
        let used = engine.memory.usedBytes
        for _ in 0..<3 { step() }
        #expect(engine.memory.usedBytes == used)
    }
}

/// Layers one after another, each for itself.
struct Steps: Layer {
    let path = "steps"
    let layers: [any Layer]

    func outputShape(for sample: Shape) throws(ShapeError) -> Shape {
        var shape = sample
        for layer in layers { shape = try layer.outputShape(for: shape) }
        return shape
    }

    func forward(_ input: Variable, _ context: ForwardContext) -> Variable { layers.reduce(input) { $1($0, context) } }
}
