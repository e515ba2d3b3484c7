import Autograd
import Kernels
import Layers
import Tensors
import TestSupport
import Testing

@Suite("Backward is the derivative of forward")
struct GradientCheckTests {
    @Test("convolutions of random sizes", arguments: 0..<16)
    func convolution(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = WindowSizes()
        sizes.groups = generator.element(of: [1, 1, 2, 3])
        sizes.from = sizes.groups * generator.integer(in: 1...3)
        sizes.to = generator.element(of: [sizes.groups * generator.integer(in: 1...3), sizes.from])
        if generator.integer(in: 0...3) == 0 { sizes.groups = sizes.from; sizes.to = sizes.from }
        sizes.images = generator.integer(in: 1...3)
        generator.drawWindows(&sizes, axes: 2, kernel: 4, stride: 3, dilation: 2, padding: 2, room: 4)
        try check2D(sizes, bias: generator.integer(in: 0...1) == 1, seed: seed)
    }

    @Test("convolutions of random sizes over whole vectors of channels", arguments: 100..<116)
    func convolutionOfVectors(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = WindowSizes()
        sizes.from = generator.element(of: [1, 3, 8, 16, 24, 32])
        sizes.to = generator.element(of: [8, 16, 24, 32, 48, 64, 80, 112])
        sizes.images = generator.integer(in: 1...2)
        // Past the tiles of neighbouring pixels that the kernels keep in registers.
        generator.drawWindows(&sizes, axes: 2, kernel: 3, stride: 2, dilation: 2, padding: 3, room: 1, columns: 10)
        try check2D(sizes, bias: seed % 2 == 0, seed: seed, directions: 1)
    }

    @Test("convolutions of clips of random sizes", arguments: 200..<216)
    func convolutionOfClips(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = WindowSizes()
        sizes.groups = generator.element(of: [1, 1, 1, 2])
        sizes.from = sizes.groups * generator.element(of: [1, 2, 3, 8])
        sizes.to = generator.element(of: [sizes.groups * generator.element(of: [1, 8, 16]), sizes.from])
        if generator.integer(in: 0...3) == 0 { sizes.groups = sizes.from; sizes.to = sizes.from }
        sizes.images = generator.integer(in: 1...2)
        generator.drawWindows(&sizes, axes: 3, kernel: 3, stride: 2, dilation: 2, padding: 1, room: 2)
        try check3D(sizes, bias: seed % 2 == 0, seed: seed, directions: 1)
    }

    @Test("a convolution whose images do not fit the cache together")
    func convolutionInParts() throws {
        var sizes = WindowSizes()
        (sizes.images, sizes.input, sizes.from, sizes.to) = (3, [1, 24, 24], 14, 1)
        (sizes.kernel, sizes.padding) = ([1, 3, 3], [0, 1, 1])
        try check2D(sizes, bias: true, seed: 23, directions: 1)
    }

    @Test("linear maps, of single vectors, features and outputs, too", arguments: 0..<24 as Range<UInt64>)
    func linear(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        let (rows, inputs) = (generator.element(of: [1, 5]), generator.element(of: [1, 7, 16]))
        let outputs = generator.element(of: [1, 4, 16])
        try check(linearReference(rows: rows, from: inputs, to: outputs), input: [rows, inputs]) {
            Linear($0, from: inputs, to: outputs, bias: seed % 2 == 0)
        }
    }

    @Test("batch norm with the batch's statistics")
    func batchNorm() throws {
        try check(batchNormReference(channels: 5), input: [3, 4, 3, 5], mean: 0.5) { BatchNorm($0, channels: 5) }
    }

    @Test("batch norm with running statistics")
    func batchNormEvaluation() throws {
        let initial = (mean: [0.0, 0, 0], variance: [1.0, 1, 1])
        try check(batchNormReference(channels: 3, running: initial), input: [2, 3, 2, 3], mode: .evaluation) {
            BatchNorm($0, channels: 3)
        }
    }

    @Test("group norm of one, some and as many groups as channels", arguments: [1, 3, 6])
    func groupNorm(groups: Int) throws {
        let reference = groupNormReference(images: 3, pixels: 20, channels: 6, groups: groups)
        try check(reference, input: [3, 4, 5, 6], mean: 0.5) { GroupNorm($0, groups: groups, channels: 6) }
    }

    @Test("max pooling of random windows", arguments: 300..<308)
    func maxPool(seed: UInt64) throws {
        var generator = CaseGenerator(seed: seed)
        var sizes = WindowSizes()
        (sizes.images, sizes.from) = (2, 3)
        generator.drawWindows(
            &sizes, axes: seed % 2 == 0 ? 2 : 3, kernel: 3, stride: 3, dilation: 2, padding: 0, room: 4)
        sizes.padding = Volume(sizes: zip(sizes.kernel.sizes, sizes.input.sizes).map { $1 == 1 ? 0 : $0 / 2 })
        let input = Shape([2] + sizes.input.sizes.suffix(seed % 2 == 0 ? 2 : 3) + [3])
        try check(maxPoolReference(sizes), input: input, seed: seed) { builder -> any Layer in
            if seed % 2 == 0 {
                MaxPool2D(
                    builder, kernel: sizes.kernel.extent(), stride: sizes.stride.extent(),
                    padding: sizes.padding.extent(),
                    dilation: sizes.dilation.extent())
            } else {
                MaxPool3D(
                    builder, kernel: sizes.kernel.extent(), stride: sizes.stride.extent(),
                    padding: sizes.padding.extent(), dilation: sizes.dilation.extent())
            }
        }
    }

    @Test("average pooling of padded windows", arguments: [true, false])
    func averagePool(countsPadding: Bool) throws {
        var sizes = WindowSizes()
        (sizes.images, sizes.input, sizes.from) = (2, [3, 5, 6], 4)
        (sizes.kernel, sizes.stride, sizes.padding) = ([2, 3, 2], [1, 2, 3], [1, 1, 0])
        try check(averagePoolReference(sizes, countsPadding: countsPadding), input: [2, 3, 5, 6, 4]) {
            AveragePool3D(
                $0, kernel: sizes.kernel.extent(), stride: sizes.stride.extent(), padding: sizes.padding.extent(),
                countsPadding: countsPadding)
        }
    }

    @Test("global average pooling")
    func globalAveragePool() throws {
        var sizes = WindowSizes()
        (sizes.images, sizes.input, sizes.from, sizes.kernel) = (2, [1, 3, 5], 4, [1, 3, 5])
        try check(averagePoolReference(sizes, countsPadding: false), input: [2, 3, 5, 4]) {
            AdaptiveAveragePool2D($0, output: 1)
        }
    }

    @Test("flattening")
    func flatten() throws {
        try check(flattenReference(images: 2, pixels: 12, channels: 5), input: [2, 3, 4, 5]) { Flatten($0) }
    }

    @Test("rectification")
    func relu() throws {
        try check({ $0[0].map { max($0, 0) } }, input: [3, 7]) { ReLU($0) }
    }

    @Test("addition of two branches that share their input")
    func addition() throws {
        try check({ $0[0].map { max($0, 0) + $0 } }, input: [3, 7]) {
            Residual($0, body: ReLU($0.scope("body")))
        }
    }

    @Test("dropout with the mask that forward drew")
    func dropout() throws {
        let builder = ParameterBuilder()
        let layer = Dropout(builder, probability: 0.25)
        let ones = Tensor([4, 9], Array(repeating: 1, count: 36))
        let mask = Pass(layer, builder.build(seed: 1), ones, engine: try Engine()) { $0 }.output.elements
        #expect(mask.contains(0))
        try check({ zip($0[0], mask).map { $0 * Double($1) } }, input: [4, 9]) { Dropout($0, probability: 0.25) }
    }

    /// Rounding in single precision reaches about 1e-6.
    private let tolerance = 1e-5

    private func check2D(_ sizes: WindowSizes, bias: Bool, seed: UInt64, directions: Int = 2) throws {
        let input: Shape = [sizes.images, sizes.input.height, sizes.input.width, sizes.from]
        try check(convolutionReference(sizes), input: input, seed: seed, directions: directions) {
            Convolution2D(
                $0, from: sizes.from, to: sizes.to, kernel: sizes.kernel.extent(), stride: sizes.stride.extent(),
                padding: sizes.padding.extent(), dilation: sizes.dilation.extent(), groups: sizes.groups, bias: bias)
        }
    }

    private func check3D(_ sizes: WindowSizes, bias: Bool, seed: UInt64, directions: Int = 2) throws {
        let input = Shape([sizes.images] + sizes.input.sizes + [sizes.from])
        try check(convolutionReference(sizes), input: input, seed: seed, directions: directions) {
            Convolution3D(
                $0, from: sizes.from, to: sizes.to, kernel: sizes.kernel.extent(), stride: sizes.stride.extent(),
                padding: sizes.padding.extent(), dilation: sizes.dilation.extent(), groups: sizes.groups, bias: bias)
        }
    }

    /// Compares forward with `reference`, and backward with its directional derivatives for the input and each
    /// parameter, for every instruction set.
    func check(
        _ reference: ReferenceFunction, input: Shape, mean: Float = 0, mode: ForwardContext.Mode = .training,
        seed: UInt64 = 29, directions: Int = 2, lengths: [Int]? = nil, _ make: (ParameterBuilder) -> any Layer
    ) throws {
        let builder = ParameterBuilder()
        let layer = make(builder)
        let arena = builder.build(seed: seed)
        var generator = CaseGenerator(seed: seed)
        let x = generator.tensor(input, mean: mean)
        let names = arena.parameters.map(\.name)
        let inputs = ([x] + arena.parameters.map(arena.value)).map { $0.elements.map(Double.init) }
        let value = reference(inputs)
        let upstream = generator.tensor([value.count])
        let passes = try EngineCase.single.map { engineCase in
            Pass(layer, arena, x, mode: mode, engine: try engineCase.make(), lengths: lengths) {
                upstream.reshaped(to: $0.shape)
            }
        }
        for pass in passes {
            let expected = Tensor(pass.output.shape, value.map(Float.init))
            #expect(disagreement(pass.output, expected, relative: 2e-6) == nil, "forward, seed \(seed)")
        }
        for (index, name) in (["input"] + names).enumerated() {
            for _ in 0..<directions {
                let direction = generator.tensor([inputs[index].count]).elements.map(Double.init)
                let expected = directionalDerivative(
                    of: reference, at: inputs, index: index, along: direction,
                    upstream: upstream.elements.map(Double.init))
                for pass in passes {
                    let gradient = index == 0 ? pass.inputGradient : try #require(pass.gradients[name])
                    let terms = zip(gradient.elements, direction).map { Double($0) * $1 }
                    // Terms of both signs may cancel; then the error is measured by what such a sum usually is.
                    let usual = terms.reduce(0) { $0 + $1 * $1 }.squareRoot()
                    let error = abs(terms.reduce(0, +) - expected)
                    #expect(error <= tolerance * max(abs(expected), usual), "\(name), seed \(seed)")
                }
            }
        }
    }
}

extension Volume {
    /// The sizes as a layer takes them.
    fileprivate func extent<Axes: Extent>() -> Axes { Axes(sizes: Array(sizes.suffix(Axes.axes))) }
}

extension CaseGenerator {
    /// Draws windows that differ along the axes, up to the given sizes, and an input on which at least one fits, with up
    /// to `room` pixels more, or `columns` of them in a row.
    fileprivate mutating func drawWindows(
        _ sizes: inout WindowSizes, axes: Int, kernel: Int, stride: Int, dilation: Int, padding: Int, room: Int,
        columns: Int? = nil
    ) {
        func volume(_ values: [Int], _ depth: Int) -> Volume { Volume(sizes: axes == 2 ? [depth] + values : values) }
        let axis = 0..<axes
        let kernels = axis.map { _ in integer(in: 1...kernel) }
        let dilations = axis.map { _ in integer(in: 1...dilation) }
        let paddings = axis.map { integer(in: 0...min(padding, dilations[$0] * (kernels[$0] - 1) / 2 + 1)) }
        sizes.kernel = volume(kernels, 1)
        sizes.dilation = volume(dilations, 1)
        sizes.padding = volume(paddings, 0)
        sizes.stride = volume(axis.map { _ in integer(in: 1...stride) }, 1)
        let inputs = axis.map { index in
            let least = max(1, dilations[index] * (kernels[index] - 1) + 1 - 2 * paddings[index])
            return least + integer(in: 0...(index == axes - 1 ? columns ?? room : room))
        }
        sizes.input = volume(inputs, 1)
    }
}
