/// The windows that a kernel of a convolution or pooling visits on one image or clip; an image is a clip of one frame.
public struct Windows: Hashable, Sendable {
    /// Size of the input.
    public let input: Volume
    /// Channels of each pixel.
    public let channels: Int
    /// Taps of a window.
    public let kernel: Volume
    /// Distance between windows.
    public let stride: Volume
    /// Zeros (or −∞) on both sides of the input.
    public let padding: Volume
    /// Distance between the taps of a window.
    public let dilation: Volume
    /// How many windows there are along each axis, as PyTorch computes it; 0 where none fits.
    public let output: Volume

    /// Describes windows; sizes in pixels.
    public init(
        input: Volume, channels: Int, kernel: Volume, stride: Volume = 1, padding: Volume = 0, dilation: Volume = 1
    ) {
        self.input = input
        self.channels = channels
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        // The pixels that the first tap of a window can be at, then every stride-th of them.
        let reach = kernel.combined(with: dilation) { $1 * ($0 - 1) }
        let padded = input.combined(with: padding) { $0 + 2 * $1 }
        output = padded.combined(with: reach) { max($0 - $1, 0) }.combined(with: stride) { ($0 + $1 - 1) / $1 }
    }

    /// Taps of a window.
    public var taps: Int { kernel.count }
    /// Bytes of a signed number for each tap and for none.
    public var tapBytes: Int { taps <= 127 ? 1 : 4 }
    /// Taps of a window times channels: the length of a packed row.
    public var packedCount: Int { taps * channels }
    /// The size of the smallest input that holds a window, whatever is padded; at least one pixel.
    public var least: Volume {
        kernel.combined(with: dilation) { $1 * ($0 - 1) + 1 }.combined(with: padding) { max($0 - 2 * $1, 1) }
    }
    /// Floats of an input, and of an output of `channels`.
    public var inputCount: Int { input.count * channels }

    /// Floats of a transformed line in ``WinogradKernels/convolveLines``: all pixels where a tile may begin, in whole vectors.
    public var transformedLine: Int { (output.width * channels + 15) / 16 * 16 }
}
