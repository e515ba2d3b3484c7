/// How a decoded picture becomes one of fixed size: the short side is resized, then the middle is cut out.
///
/// - Source: torchvision's `Resize(shortSide)` and `CenterCrop((height, width))`, with their rounding.
public struct FrameGeometry: Hashable, Sendable {
    /// The short side after resizing.
    public let shortSide: Int
    /// The rows of the result.
    public let height: Int
    /// The columns of the result.
    public let width: Int

    /// Makes a geometry; neither side of the result is longer than `shortSide`.
    public init(shortSide: Int, height: Int, width: Int) {
        precondition(height >= 1 && width >= 1 && shortSide >= max(height, width), "the result fits the short side")
        self.shortSide = shortSide
        self.height = height
        self.width = width
    }

    /// The bytes of a result in red, green and blue.
    public var byteCount: Int { 3 * height * width }

    /// The size to which a picture of the given size is resized.
    func resized(width: Int, height: Int) -> (width: Int, height: Int) {
        width <= height
            ? (shortSide, max(shortSide, shortSide * height / width))
            : (max(shortSide, shortSide * width / height), shortSide)
    }

    /// The top left pixel of the middle of a resized picture; half pixels are rounded to even.
    func origin(width: Int, height: Int) -> (x: Int, y: Int) {
        func half(_ number: Int) -> Int { Int((Double(number) / 2).rounded(.toNearestOrEven)) }
        return (half(width - self.width), half(height - self.height))
    }
}
