import Autograd
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Every algorithm of a convolution gives the direct method's results")
struct ConvolutionAlgorithmTests {
    /// A convolution that `auto` may compute otherwise than `direct`.
    struct Sizes: Sendable, CustomStringConvertible {
        var inputs = 16
        var outputs = 16
        var height = 8
        var width = 8
        var images = 2
        var kernel = 3
        var stride = 1
        var padding = 1
        var dilation = 1
        var groups = 1
        var frames: Int?
        let algorithm: String

        var description: String {
            "\(algorithm) \(inputs)→\(outputs) on \(images) × \(frames.map { "\($0) × " } ?? "")\(height) × \(width), "
                + "kernel \(kernel), stride \(stride), padding \(padding), dilation \(dilation), groups \(groups)"
        }
    }

    private static let all = [
        Sizes(algorithm: "winograd"),
        // Tiles that reach over the image's end, and more images than one group of tiles holds.
        Sizes(inputs: 32, outputs: 48, height: 10, width: 13, images: 3, algorithm: "winograd"),
        Sizes(inputs: 16, outputs: 80, height: 15, width: 7, images: 9, algorithm: "winograd"),
        Sizes(height: 12, width: 12, padding: 0, algorithm: "winograd"),
        Sizes(height: 11, width: 9, padding: 2, algorithm: "winograd"),
        Sizes(height: 13, width: 16, padding: 2, dilation: 2, algorithm: "winograd"),
        Sizes(height: 16, width: 16, padding: 4, dilation: 4, algorithm: "winograd"),
        Sizes(height: 8, width: 12, images: 3, frames: 4, algorithm: "winograd"),
        Sizes(height: 8, width: 8, images: 2, frames: 1, algorithm: "winograd"),
        // So many weights that threads take outputs.
        Sizes(inputs: 176, outputs: 192, height: 8, width: 9, images: 2, algorithm: "winograd"),
        // Few channels; tiles that fill no block of registers, and taps beyond the image on one side only.
        Sizes(inputs: 3, height: 7, width: 12, images: 5, algorithm: "winograd_lines"),
        Sizes(inputs: 1, outputs: 48, height: 5, width: 32, algorithm: "winograd_lines"),
        Sizes(inputs: 2, outputs: 32, height: 6, width: 18, padding: 0, algorithm: "winograd_lines"),
        Sizes(inputs: 3, height: 7, width: 10, padding: 2, algorithm: "winograd_lines"),
        Sizes(inputs: 3, height: 7, width: 10, algorithm: "direct"),
        Sizes(outputs: 32, kernel: 1, padding: 0, algorithm: "pointwise"),
        Sizes(inputs: 48, outputs: 16, height: 5, width: 7, images: 5, kernel: 1, padding: 0, algorithm: "pointwise"),
        Sizes(height: 9, width: 10, stride: 2, algorithm: "direct"),
        Sizes(height: 8, width: 11, stride: 3, padding: 0, algorithm: "direct"),
        Sizes(height: 9, width: 9, kernel: 1, stride: 2, padding: 0, algorithm: "direct"),
        Sizes(height: 12, width: 9, kernel: 5, stride: 2, padding: 2, algorithm: "direct"),
        // Several blocks of outputs and of inputs, the last one narrower.
        Sizes(inputs: 80, outputs: 144, height: 7, width: 6, images: 3, stride: 2, algorithm: "direct"),
        Sizes(inputs: 32, outputs: 32, height: 9, width: 7, groups: 32, algorithm: "depthwise"),
        Sizes(inputs: 32, outputs: 32, height: 8, width: 9, stride: 2, groups: 32, algorithm: "depthwise"),
        Sizes(
            inputs: 16, outputs: 16, height: 9, width: 9, stride: 3, padding: 2, dilation: 2, groups: 16,
            algorithm: "depthwise"),
    ]

    @Test("on every instruction set, in all directions, with the same bits for any number of threads", arguments: all)
    func directions(sizes: Sizes) throws {
        let builder = ParameterBuilder()
        let layer = Self.layer(sizes, builder.scope("layer"))
        let arena = builder.build(seed: 3)
        var generator = CaseGenerator(seed: 29)
        let shape = Shape(
            [sizes.images] + [sizes.frames].compactMap(\.self) + [sizes.height, sizes.width, sizes.inputs])
        let input = generator.tensor(shape)
        let gradients = CaseGenerator(seed: 31)
        func pass(_ engine: Engine) -> Pass {
            var gradients = gradients
            return Pass(layer, arena, input, engine: engine) { gradients.tensor($0.shape) }
        }
        var others: Pass?
        for entry in EngineCase.single {
            let direct = pass(try Engine(entry.instructionSet, convolution: .direct))
            if let others { Self.expectAgreement(direct, others, "\(entry), direct, beside another instruction set") }
            others = direct
            let engine = try entry.make()
            #expect(Self.algorithm(layer, shape, engine) == sizes.algorithm, "\(entry)")
            let auto = pass(engine)
            Self.expectAgreement(auto, direct, "\(entry)")
            for threads in [2, 3] {
                #expect(pass(try entry.with(threads: threads).make()).differences(from: auto) == [], "\(entry)")
            }
        }
    }

    private static func expectAgreement(_ found: Pass, _ expected: Pass, _ what: String) {
        #expect(disagreement(found.output, expected.output, relative: 3e-5, absolute: 3e-5) == nil, "\(what)")
        #expect(
            disagreement(found.inputGradient, expected.inputGradient, relative: 3e-5, absolute: 3e-5) == nil, "\(what)")
        #expect(found.gradients.keys == expected.gradients.keys, "\(what)")
        for (name, gradient) in expected.gradients {
            guard let other = found.gradients[name] else { continue }
            #expect(disagreement(other, gradient, relative: 1e-4, absolute: 1e-4) == nil, "\(what) \(name)")
        }
    }

    private static func layer(_ sizes: Sizes, _ builder: ParameterBuilder) -> any Layer {
        if sizes.frames != nil {
            return Convolution3D(
                builder, from: sizes.inputs, to: sizes.outputs, kernel: Extent3(integerLiteral: sizes.kernel),
                padding: Extent3(integerLiteral: sizes.padding))
        }
        return Convolution2D(
            builder, from: sizes.inputs, to: sizes.outputs, kernel: Extent2(integerLiteral: sizes.kernel),
            stride: Extent2(integerLiteral: sizes.stride), padding: Extent2(integerLiteral: sizes.padding),
            dilation: Extent2(integerLiteral: sizes.dilation), groups: sizes.groups)
    }

    private static func algorithm(_ layer: any Layer, _ shape: Shape, _ engine: Engine) -> String? {
        (layer as? Convolution2D)?.algorithmName(for: shape, engine)
            ?? (layer as? Convolution3D)?.algorithmName(for: shape, engine)
    }
}
