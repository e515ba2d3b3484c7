/// Sizes in depth, height and width; the depth of a clip is its frames, that of an image is 1.
///
/// An integer literal gives all axes the same size; an array literal lists them in this order.
public struct Volume: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// Frames.
    public let depth: Int
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int

    /// Describes a volume.
    public init(depth: Int, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// Depth, height and width.
    ///
    /// - Precondition: there are three sizes.
    public init(sizes: [Int]) {
        precondition(sizes.count == 3, "a volume has depth, height and width, not \(sizes)")
        self.init(depth: sizes[0], height: sizes[1], width: sizes[2])
    }

    /// The same size along all axes.
    public init(integerLiteral size: Int) { self.init(depth: size, height: size, width: size) }

    /// Depth, height and width.
    public init(arrayLiteral sizes: Int...) { self.init(sizes: sizes) }

    /// Depth, height and width.
    public var sizes: [Int] { [depth, height, width] }

    /// The number of places: the product of the sizes.
    public var count: Int { depth * height * width }

    /// The volume whose sizes `body` makes of this one's and another's.
    public func combined(with other: Volume, _ body: (Int, Int) -> Int) -> Volume {
        Volume(depth: body(depth, other.depth), height: body(height, other.height), width: body(width, other.width))
    }
}
