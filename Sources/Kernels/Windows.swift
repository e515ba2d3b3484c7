/// The windows that a kernel of a convolution or pooling visits on one image.
public struct Windows: Hashable, Sendable {
    /// Size of the input image.
    public let height, width, channels: Int
    /// Size of the window.
    public let kernelHeight, kernelWidth: Int
    /// Distance between windows, zeros (or −∞) around the image, and distance between the window's taps.
    public let stride, padding, dilation: Int

    /// Describes windows; sizes in pixels.
    public init(
        height: Int, width: Int, channels: Int, kernelHeight: Int, kernelWidth: Int, stride: Int, padding: Int,
        dilation: Int
    ) {
        self.height = height
        self.width = width
        self.channels = channels
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// Rows of windows, as PyTorch computes them; not positive when no window fits.
    public var outputHeight: Int { Self.output(height, kernelHeight, stride, padding, dilation) }
    /// Windows in a row.
    public var outputWidth: Int { Self.output(width, kernelWidth, stride, padding, dilation) }
    /// Taps of a window times channels: the length of a packed row.
    public var packedCount: Int { kernelHeight * kernelWidth * channels }

    private static func output(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
        let room = size + 2 * padding - dilation * (kernel - 1) - 1
        return room < 0 ? 0 : room / stride + 1
    }
}
