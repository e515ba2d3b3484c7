/// Several images that a kernel takes one after the other while the weights at hand stay in the cache.
public struct ImageStack: Sendable {
    /// The number of images.
    public let count: Int
    /// Floats from an input to the next, and from an output to the next.
    public let inputStride, outputStride: Int

    /// Describes images.
    public init(count: Int, inputStride: Int, outputStride: Int) {
        self.count = count
        self.inputStride = inputStride
        self.outputStride = outputStride
    }
}
