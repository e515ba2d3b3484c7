/// Gradients of convolutions of images, with a stride of 1 and no dilation, from the gradient `dy` that 2×2 max pooling after
/// them hands back and the taps that won, −1 where nobody did: a quarter of the direct method's multiplications, and nobody
/// writes the gradient of the outputs.
///
/// Each call is for one image.
public struct PooledGradientKernels: Sendable {
    /// The number of input channels must be a multiple of this for ``weightGradient`` and ``inputGradient``.
    public let lanes: Int
    /// The number of output channels must be a multiple of this for both.
    public static let outputs = 32
    /// Adds to the gradient of 3×3 weights `[out, taps, in]`: `(padded, dy, taps, dWeights, windows, out, scratch)`.
    ///
    /// For a padded image and windows without padding. Scratch has room for two floats for each of `dy`.
    public let weightGradient:
        @Sendable (Source, Source, UnsafePointer<Int8>, Destination, Windows, Int, Destination) -> Void
    /// The gradient of an image: `(dy, taps, weights, dImage, windows, out, accumulate, scratch)`.
    ///
    /// From 3×3 weights `[out, taps, in]`. Scratch has room for a float for eight of `dy`.
    public let inputGradient:
        @Sendable (Source, UnsafePointer<Int8>, Source, Destination, Windows, Int, Bool, Destination) -> Void
    /// Adds to the gradient of the packed weights of few channels; nil where an instruction set has no permutation that makes
    /// it faster than ``ConvolutionKernels/directWeightGradient``.
    ///
    /// For kernels with (width + 1) · channels up to ``ConvolutionKernels/directLanes``, of which the number of output
    /// channels is a multiple: `(padded, dy, taps, dWeights, windows, out, scratch)`. Reads up to as many floats behind the
    /// image. Scratch has room for two vectors for each pooled pixel.
    public let permutedWeightGradient: PermutedWeightGradient?
    /// See ``permutedWeightGradient``.
    public typealias PermutedWeightGradient =
        @Sendable (Source, Source, UnsafePointer<Int8>, Destination, Windows, Int, Destination) -> Void

    /// Gathers the functions.
    public init(
        lanes: Int,
        weightGradient:
            @escaping @Sendable (
                Source, Source, UnsafePointer<Int8>, Destination, Windows, Int, Destination
            ) -> Void,
        inputGradient:
            @escaping @Sendable (
                Source, UnsafePointer<Int8>, Source, Destination, Windows, Int, Bool, Destination
            ) -> Void,
        permutedWeightGradient: PermutedWeightGradient?
    ) {
        self.lanes = lanes
        self.weightGradient = weightGradient
        self.inputGradient = inputGradient
        self.permutedWeightGradient = permutedWeightGradient
    }
}
