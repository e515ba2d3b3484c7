/// The tiles of 4×4 outputs into which Winograd's algorithm cuts the images of a convolution with 3×3 taps and stride 1.
///
/// A clip is a pile of images, `depth` of them, over which a window spans `kernelDepth`. With dilation `d` an image falls
/// apart into d × d images of every d-th pixel, each with tiles of its own.
public struct TileGrid: Hashable, Sendable {
    /// Size of an input and its channels.
    public let depth, height, width, channels: Int
    /// Size of an output image and its channels; an output has as many images as an input.
    public let outputHeight, outputWidth, outputs: Int
    /// Zeros above and left of an input image.
    public let top, left: Int
    /// Distance between the taps of a window within an image.
    public let dilation: Int
    /// Images that a window spans, one for images, three for most clips; its middle one is the output's.
    public let kernelDepth: Int

    /// Describes tiles; sizes in pixels.
    public init(
        depth: Int = 1, height: Int, width: Int, channels: Int, outputHeight: Int, outputWidth: Int, outputs: Int,
        top: Int, left: Int, dilation: Int = 1, kernelDepth: Int = 1
    ) {
        self.depth = depth
        self.height = height
        self.width = width
        self.channels = channels
        self.outputHeight = outputHeight
        self.outputWidth = outputWidth
        self.outputs = outputs
        self.top = top
        self.left = left
        self.dilation = dilation
        self.kernelDepth = kernelDepth
        rows = Self.count(outputHeight, dilation)
        columns = Self.count(outputWidth, dilation)
        imageTiles = rows * columns * dilation * dilation
        if kernelDepth > 1 {
            groupSize = imageTiles * depth
        } else {
            let fitting = (1 << 17) / (Self.planes * (channels + outputs))
            groupSize = min(max(fitting / 12 * 12, channels * outputs > 1 << 13 ? 96 : 24), 192)
        }
        inputPlane = groupSize * channels + 16
    }

    /// The same tiles of a convolution with fewer outputs.
    public func narrowed(to outputs: Int) -> TileGrid {
        TileGrid(
            depth: depth, height: height, width: width, channels: channels, outputHeight: outputHeight,
            outputWidth: outputWidth, outputs: outputs, top: top, left: left, dilation: dilation,
            kernelDepth: kernelDepth)
    }

    /// Outputs of a tile in each direction.
    public static let side = 4
    /// Numbers that a tile has in the transformed domain.
    public static let planes = 36

    /// Tiles below each other in each of the interleaved images.
    public let rows: Int
    /// Tiles beside each other in each of the interleaved images.
    public let columns: Int
    /// Tiles of an image.
    public let imageTiles: Int
    /// Tiles of an output.
    public var tiles: Int { imageTiles * depth }
    /// Floats of an input image.
    public var imageCount: Int { height * width * channels }
    /// Floats of an output image.
    public var outputCount: Int { outputHeight * outputWidth * outputs }

    /// The distance between planes of the weights of so many channels and outputs; a power of two would put all planes
    /// into the same sets of the cache.
    public static func weightPlane(_ channels: Int, _ width: Int) -> Int { channels * width + 16 }
    /// Floats of the transformed weights of a pass, or of their gradient.
    public func weightCount(_ pass: WinogradPass) -> Int {
        kernelDepth * Self.planes * Self.weightPlane(pass.channels.count, pass.outputs.count)
    }
    /// All channels and outputs at once.
    public var wholePass: WinogradPass { WinogradPass(channels: 0..<channels, outputs: 0..<outputs) }

    /// Tiles that are transformed at a time.
    ///
    /// As many as half of a 1 MB second-level cache holds, and enough to pay for reading the weights. The images of a clip
    /// stay together.
    public let groupSize: Int

    /// The distance between planes of transformed inputs.
    public let inputPlane: Int
    /// The distance between planes of `width` transformed outputs.
    public func outputPlane(_ width: Int) -> Int { groupSize * width + 16 }
    /// Floats of scratch for one group: transformed inputs, transformed outputs, a tile that is half transformed, and
    /// zeros for a pixel outside the image.
    public func scratchCount(_ width: Int) -> Int { Self.planes * (inputPlane + outputPlane(width) + 16) + channels }

    private static func count(_ size: Int, _ dilation: Int) -> Int {
        ((size + dilation - 1) / dilation + side - 1) / side
    }
}
