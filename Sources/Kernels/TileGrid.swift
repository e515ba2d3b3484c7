/// The tiles of 4×4 outputs into which Winograd's algorithm cuts the images of a convolution with 3×3 taps and stride 1.
///
/// A clip is a pile of images, `depth` of them, over which a window spans `kernelDepth`. With dilation `d` an image falls
/// apart into d × d images of every d-th pixel, each with tiles of its own. Tiles beside each other are a strip, and some
/// strips are computed together as a group.
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
        imageStrips = rows * dilation * dilation
        if kernelDepth > 1 {
            groupStrips = imageStrips * depth
        } else {
            groupStrips = max(1, (channels * outputs > 1 << 14 ? 64 : 32) / columns)
        }
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
    /// Inputs of a tile, and its numbers in the transformed domain, in each direction.
    public static let reach = 6

    /// Tiles below each other in each of the interleaved images.
    public let rows: Int
    /// Tiles of a strip.
    public let columns: Int
    /// Strips of an image.
    public let imageStrips: Int
    /// Strips that are computed together.
    ///
    /// Enough to pay for reading the weights, and few, because what is made of them shall stay in the caches. The images of a
    /// clip stay together.
    public let groupStrips: Int

    /// Tiles of an image.
    public var imageTiles: Int { imageStrips * columns }
    /// Tiles of a group.
    public var groupTiles: Int { groupStrips * columns }
    /// Floats of an input image.
    public var imageCount: Int { height * width * channels }
    /// Floats of an output image.
    public var outputCount: Int { outputHeight * outputWidth * outputs }

    /// All channels and outputs at once.
    public var wholePass: WinogradPass { WinogradPass(channels: 0..<channels, outputs: 0..<outputs) }
    /// Floats of the transformed weights of a pass, or of their gradient.
    public func weightCount(_ pass: WinogradPass) -> Int {
        kernelDepth * Self.reach * Self.reach * pass.channels.count * pass.outputs.count
    }

    /// Inputs side by side that a strip reads, and gradients of outputs.
    public var inputPlaces: Int { Self.side * columns + Self.reach - Self.side }
    /// Gradients of outputs side by side that a strip reads.
    public var outputPlaces: Int { Self.side * columns }
    /// Floats of a line of zeros in the place of one outside the images.
    public var zerosCount: Int { max(width * channels, outputWidth * outputs) }
    /// The distance between the columns of tiles of which a transformed group consists, for `width` channels; a power of
    /// two would put all of them into the same sets of the cache.
    public func transformedColumn(_ width: Int) -> Int { Self.reach * groupTiles * width + 16 }
    /// The distance between the numbers of a group's tiles in one row, for `width` channels.
    public func transformedPlace(_ width: Int) -> Int { groupTiles * width + 16 }

    /// Floats of scratch that a pass takes to compute outputs.
    public func scratchCount(_ pass: WinogradPass) -> Int {
        let channels = pass.channels.count
        // Sums of a group for the lanes of the widest vectors that kernels have.
        let restored = Self.side * Self.reach * groupTiles * 16
        return zerosCount + Self.reach * (inputPlaces * channels + transformedColumn(channels)) + restored
    }

    /// Floats of scratch that a pass takes to compute the gradient of the weights.
    public func gradientScratchCount(_ pass: WinogradPass) -> Int {
        let (channels, outputs) = (pass.channels.count, pass.outputs.count)
        let lines = groupStrips * (inputPlaces * channels + outputPlaces * outputs)
        return zerosCount + Self.reach * (lines + transformedPlace(channels) + transformedPlace(outputs))
    }

    private static func count(_ size: Int, _ dilation: Int) -> Int {
        ((size + dilation - 1) / dilation + side - 1) / side
    }
}
