import Kernels
import Tensors

/// The sizes of a convolution of images or clips; an image is a clip of one frame.
struct ConvolutionGeometry: Sendable {
    let windows: Windows
    let outputs: Int
    let groups: Int

    /// Pixels of an output.
    var pixels: Int { windows.output.count }
    /// Floats of an input and of an output.
    var imageCount: Int { windows.inputCount }
    var outputCount: Int { pixels * outputs }
    var taps: Int { windows.taps }
    /// Channels of a group.
    var groupInputs: Int { windows.channels / groups }
    var groupOutputs: Int { outputs / groups }
    /// Weights of a group and of all groups.
    var groupWeights: Int { groupOutputs * groupInputs * taps }
    var weights: Int { groupWeights * groups }
    /// Whether the input itself is the matrix of packed windows.
    var isPointwise: Bool { taps == 1 && windows.stride == 1 && windows.padding == 0 }
}

/// One way to compute the input's gradient, a few images at a time, from packed weights `[G, taps, C/G, K/G]`.
protocol InputGradientAlgorithm: Sendable {
    /// The weights that `inputGradient` takes, from the packed ones.
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor

    /// Writes the gradient of `count` input images, or adds to it.
    func inputGradient(
        _ dy: Source, _ weights: Source, _ dx: Destination, _ count: Int, _ adds: Bool, _ engine: Engine)
}

/// One way to compute a convolution and the gradient of its weights.
protocol ConvolutionAlgorithm: Sendable {
    /// What it is called in a table of figures.
    static var name: String { get }

    /// Images that are computed at a time.
    var imagesAtOnce: Int { get }

    /// The weights that `forward` takes, from the packed ones.
    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor

    /// Writes `count` output images; true when the bias, if there is one, is in them.
    func forward(
        _ images: Source, _ weights: Source, _ bias: Source?, _ output: Destination, _ count: Int, _ engine: Engine
    ) -> Bool

    /// Floats in which `addWeightGradient` sums.
    var weightSums: Int { get }

    /// Adds the gradient of the weights over `count` images.
    func addWeightGradient(_ images: Source, _ dy: Source, _ sums: Destination, _ count: Int, _ engine: Engine)

    /// Calls `body` with the gradient of the packed weights, from the sums.
    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void)
}

extension InputGradientAlgorithm {
    func inputGradientWeights(_ packed: Tensor, _ engine: Engine) -> Tensor { packed }
}

extension ConvolutionAlgorithm {
    func forwardWeights(_ packed: Tensor, _ engine: Engine) -> Tensor { packed }
    func withPackedGradient(_ sums: Source, _ engine: Engine, _ body: (Source) -> Void) { body(sums) }
}

/// An algorithm that sums products of inputs and weights.
protocol PlainAlgorithm: ConvolutionAlgorithm, InputGradientAlgorithm {
    var geometry: ConvolutionGeometry { get }
}

extension PlainAlgorithm {
    /// Images whose packed windows fill about half of a 1 MB second-level cache.
    var imagesAtOnce: Int { max(1, (1 << 17) / max(geometry.pixels * geometry.windows.packedCount, 1)) }
    var weightSums: Int { geometry.weights }
}
