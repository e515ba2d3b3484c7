/// The sizes of one sample: T frames (1 for an image) of H × W pixels with C channels.
public struct SampleShape: Hashable, Sendable, CustomStringConvertible {
    /// The number of frames T; 1 for an image.
    public var frames: Int
    /// The number of rows H.
    public var height: Int
    /// The number of pixels in a row W.
    public var width: Int
    /// The number of channels C.
    public var channels: Int

    /// Makes a shape from its sizes, each at least 1.
    public init(frames: Int = 1, height: Int, width: Int, channels: Int) {
        precondition(min(frames, height, width, channels) >= 1, "a sample has at least one byte")
        self.frames = frames
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// The number of bytes of a sample.
    public var count: Int { frames * height * width * channels }

    /// The sizes as a network sees them: `[H, W, C]` of an image, `[T, H, W, C]` of clips.
    public var dimensions: [Int] { (frames > 1 ? [frames] : []) + [height, width, channels] }

    /// The number of bytes of one row of pixels.
    public var rowBytes: Int { width * channels }

    /// The shape as in `32×32×3`, with the frames in front when there are several.
    public var description: String { (frames > 1 ? "\(frames)×" : "") + "\(height)×\(width)×\(channels)" }
}

/// One decoded image or clip with its label: bytes as `[T, H, W, C]`, channels innermost.
///
/// A clip holds its own number of frames, which may be less than the data set's. A sample is made to be filled again and
/// again: its memory grows to the largest sample and stays.
public struct Sample: Sendable {
    /// The sizes of what the sample holds; of a clip with its own number of frames.
    public private(set) var shape: SampleShape
    /// The class of what the sample holds, from 0.
    public var label = 0
    private var bytes: [UInt8]
    /// Where a change of shape writes before the two are swapped.
    private var spare: [UInt8] = []

    /// A black sample with label 0.
    public init(_ shape: SampleShape) {
        self.shape = shape
        bytes = [UInt8](repeating: 0, count: shape.count)
    }

    /// Takes another shape; the pixels are undefined until they are written.
    public mutating func reshape(to shape: SampleShape) {
        self.shape = shape
        if bytes.count < shape.count { bytes += repeatElement(0, count: shape.count - bytes.count) }
    }

    /// Calls `body` with the `shape.count` bytes of the pixels.
    public func withPixels<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = shape.count
        return try bytes.withUnsafeBufferPointer { (all) throws(Failure) in
            try body(UnsafeBufferPointer(rebasing: all[..<count]))
        }
    }

    /// Calls `body` with the `shape.count` bytes of the pixels for writing.
    public mutating func withMutablePixels<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let count = shape.count
        return try bytes.withUnsafeMutableBufferPointer { (all) throws(Failure) in
            try body(UnsafeMutableBufferPointer(rebasing: all[..<count]))
        }
    }

    /// Calls `body` with the pixels and with memory for those of a sample of `shape`, which the sample then holds.
    ///
    /// - Precondition: `body` writes every byte of its second argument.
    mutating func replacePixels(
        with shape: SampleShape, _ body: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) {
        if spare.count < shape.count { spare += repeatElement(0, count: shape.count - spare.count) }
        bytes.withUnsafeBufferPointer { source in
            spare.withUnsafeMutableBufferPointer { target in
                guard let source = source.baseAddress, let target = target.baseAddress else { return }
                body(source, target)
            }
        }
        swap(&bytes, &spare)
        self.shape = shape
    }

    /// The bytes of the pixels.
    public var pixels: [UInt8] { Array(bytes[..<shape.count]) }
}
