import Autograd
import Layers
import Tensors
import Testing

@Suite("Layers refuse samples that they cannot take")
struct ShapeErrorTests {
    private let builder = ParameterBuilder().scope("net").scope("1")

    private func message(_ layer: any Layer, _ sample: Shape) -> String? {
        do throws(ShapeError) {
            _ = try layer.outputShape(for: sample)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("a convolution names the channels that it needs")
    func channels() {
        let layer = Convolution2D(builder, from: 3, to: 4, kernel: 3)
        #expect(
            message(layer, [8, 8, 4])
                == "layer 'net.1' takes an image [H, W, 3], but its input is a sample of shape [8, 8, 4]")
        #expect(
            message(layer, [192])
                == "layer 'net.1' takes an image [H, W, 3], but its input is a sample of shape [192]")
    }

    @Test("a convolution names the size that it needs")
    func size() {
        let layer = Convolution2D(builder, from: 3, to: 4, kernel: 3, padding: 1, dilation: 3)
        #expect(message(layer, [5, 5, 3]) == nil)
        #expect(
            message(layer, [5, 4, 3])
                == "layer 'net.1' takes an image of at least 5×5 pixels, but its input is a sample of shape [5, 4, 3]")
    }

    @Test("a max pooling names the size that it needs")
    func pooling() {
        let layer = MaxPool2D(builder, kernel: 3)
        #expect(
            message(layer, [2, 9, 3])
                == "layer 'net.1' takes an image of at least 3×3 pixels, but its input is a sample of shape [2, 9, 3]")
        #expect(
            message(layer, [9])
                == "layer 'net.1' takes an image [H, W, C], but its input is a sample of shape [9]")
    }

    @Test("layers of clips name the axes and the size that they need")
    func clips() {
        let layer = Convolution3D(builder, from: 3, to: 4, kernel: [3, 5, 1], padding: [1, 1, 0])
        #expect(message(layer, [1, 3, 1, 3]) == nil)
        #expect(
            message(layer, [8, 8, 3])
                == "layer 'net.1' takes a clip [T, H, W, 3], but its input is a sample of shape [8, 8, 3]")
        #expect(
            message(layer, [4, 2, 2, 3])
                == "layer 'net.1' takes a clip of at least 1×3×1 pixels, but its input is a sample of shape [4, 2, 2, 3]"
        )
        #expect(
            message(MaxPool3D(builder, kernel: 2), [1, 2, 2, 3])
                == "layer 'net.1' takes a clip of at least 2×2×2 pixels, but its input is a sample of shape [1, 2, 2, 3]"
        )
    }

    @Test("an average pooling takes images only")
    func averagePooling() {
        #expect(
            message(AdaptiveAveragePool2D(builder, output: 1), [9])
                == "layer 'net.1' takes an image [H, W, C], but its input is a sample of shape [9]")
    }

    @Test("a linear map names the features that it needs")
    func linear() {
        #expect(
            message(Linear(builder, from: 12, to: 3), [2, 2, 3])
                == "layer 'net.1' takes a vector of 12 features, but its input is a sample of shape [2, 2, 3]")
    }

    @Test("batch norm names the channels that it needs")
    func batchNorm() {
        #expect(
            message(BatchNorm(builder, channels: 5), [2, 2, 3])
                == "layer 'net.1' takes 5 channels, but its input is a sample of shape [2, 2, 3]")
    }

    @Test("a residual block names the shapes of both branches")
    func residual() {
        let body = Convolution2D(builder.scope("body"), from: 3, to: 6, kernel: 1)
        #expect(
            message(Residual(builder, body: body), [4, 4, 3])
                == "layer 'net.1' takes a sample of which both branches make the same shape, not [4, 4, 6] and [4, 4, 3], "
                + "but its input is a sample of shape [4, 4, 3]")
        let shortcut = Convolution2D(builder.scope("shortcut"), from: 3, to: 5, kernel: 1)
        #expect(
            message(Residual(builder, body: body, shortcut: shortcut), [4, 4, 3])
                == "layer 'net.1' takes a sample of which both branches make the same shape, not [4, 4, 6] and [4, 4, 5], "
                + "but its input is a sample of shape [4, 4, 3]")
    }

    @Test("a concatenation names the shapes of its branches")
    func concatenation() {
        let branches: [any Layer] = [
            ReLU(builder.scope("0")), Convolution2D(builder.scope("1"), from: 3, to: 2, kernel: 3),
        ]
        #expect(message(Concatenation(builder, [branches[0], branches[0]]), [4, 4, 3]) == nil)
        #expect(
            message(Concatenation(builder, branches), [4, 4, 3])
                == "layer 'net.1' takes a sample of which its branches differ in channels only, not [4, 4, 3], [2, 2, 2], "
                + "but its input is a sample of shape [4, 4, 3]")
    }

    @Test("group norm names the channels that it needs")
    func groupNorm() {
        #expect(
            message(GroupNorm(builder, groups: 2, channels: 6), [2, 2, 3])
                == "layer 'net.1' takes 6 channels, but its input is a sample of shape [2, 2, 3]")
    }

    @Test("a chain tells of the layer inside that does not fit")
    func chain() {
        let layers: [any Layer] = [Flatten(builder.scope("a")), Linear(builder.scope("b"), from: 5, to: 1)]
        #expect(
            message(Sequential(builder, layers), [2, 2, 3])
                == "layer 'net.1.b' takes a vector of 5 features, but its input is a sample of shape [12]")
    }
}
