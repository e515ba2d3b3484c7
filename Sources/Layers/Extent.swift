import Kernels
import Tensors

/// Sizes along the axes of an image or of a clip: of a window, a stride, a padding or a dilation.
///
/// An integer literal gives all axes the same size; an array literal lists them, outermost first, as PyTorch does.
public protocol Extent: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// The number of axes.
    static var axes: Int { get }
    /// What a sample with these axes is called, as in `an image`.
    static var sample: String { get }
    /// The names of the axes, as in `H, W`.
    static var names: String { get }

    /// Lists the size of each axis, outermost first.
    ///
    /// - Precondition: there are as many sizes as axes.
    init(sizes: [Int])

    /// The size of each axis, outermost first.
    var sizes: [Int] { get }
}

/// Height and width.
public struct Extent2: Extent {
    /// Two.
    public static let axes = 2
    /// An image.
    public static let sample = "an image"
    /// Height and width.
    public static let names = "H, W"
    /// The size of each axis.
    public let sizes: [Int]

    /// Height and width.
    public init(sizes: [Int]) {
        precondition(sizes.count == Self.axes, "an image has the axes height and width, not \(sizes)")
        self.sizes = sizes
    }
}

/// Depth, height and width; the depth of a clip is its frames.
public struct Extent3: Extent {
    /// Three.
    public static let axes = 3
    /// A clip.
    public static let sample = "a clip"
    /// Frames, height and width.
    public static let names = "T, H, W"
    /// The size of each axis.
    public let sizes: [Int]

    /// Depth, height and width.
    public init(sizes: [Int]) {
        precondition(sizes.count == Self.axes, "a clip has the axes depth, height and width, not \(sizes)")
        self.sizes = sizes
    }
}

extension Extent {
    /// The same size along all axes.
    public init(_ size: Int) { self.init(sizes: Array(repeating: size, count: Self.axes)) }

    /// The same size along all axes.
    public init(integerLiteral size: Int) { self.init(size) }

    /// The size of each axis, outermost first.
    public init(arrayLiteral sizes: Int...) { self.init(sizes: sizes) }

    /// The axes that there are of a volume.
    init(volume: Volume) { self.init(sizes: Array(volume.sizes.suffix(Self.axes))) }

    /// All three sizes; `depth` is that of an image.
    func volume(depth: Int) -> Volume { Volume(sizes: Array(repeating: depth, count: 3 - Self.axes) + sizes) }

    /// The shape of an image or clip of these sizes.
    func shape(channels: Int) -> Shape { Shape(sizes + [channels]) }

    /// Refuses samples of other axes or another number of channels.
    static func check(_ sample: Shape, channels: Int? = nil, path: String) throws(ShapeError) {
        guard sample.rank == axes + 1, channels == nil || sample[axes] == channels else {
            let last = channels.map(String.init) ?? "C"
            throw ShapeError(path: path, expected: "\(Self.sample) [\(names), \(last)]", found: sample)
        }
    }
}
