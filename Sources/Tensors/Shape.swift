/// The sizes of a tensor's axes, outermost first.
///
/// Inside the engine images are `[N, H, W, C]` (batch, height, width, channels), so that kernels vectorise over
/// channels; PyTorch's `[N, C, H, W]` exists at the border only.
public struct Shape: Hashable, Sendable, CustomStringConvertible, ExpressibleByArrayLiteral {
    /// The size of each axis.
    public let dimensions: [Int]
    /// The number of elements.
    public let count: Int

    /// Makes a shape from the sizes of its axes, each at least 0.
    public init(_ dimensions: [Int]) {
        precondition(dimensions.allSatisfy { $0 >= 0 }, "a shape has no negative size: \(dimensions)")
        self.dimensions = dimensions
        count = dimensions.reduce(1, *)
    }

    /// Makes a shape from the sizes of its axes.
    public init(arrayLiteral elements: Int...) { self.init(elements) }

    /// The number of axes.
    public var rank: Int { dimensions.count }

    /// The size of axis `axis`.
    public subscript(axis: Int) -> Int { dimensions[axis] }

    /// The shape as in `[64, 32, 32, 3]`.
    public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
