import Configuration

/// Takes the colour away: grey in as many channels as before, or in one.
///
/// - Source: Pillow's `convert("L")`, bit for bit: 0.299 red + 0.587 green + 0.114 blue in units of 2⁻¹⁶.
public struct Greyscale: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "greyscale"
    /// It draws no random numbers.
    public static let isRandom = false
    /// The number of channels of the result, 1 or 3.
    public var channels = 3

    /// Grey in three channels.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        channels = try values.decodeIfPresent(Int.self, forKey: .channels) ?? channels
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        channels == 1 || channels == 3 ? [] : [("channels", "must be 1 or 3, found \(channels)")]
    }

    /// The sample's sizes with `channels` channels.
    ///
    /// - Throws: When the sample has no colours.
    public func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape {
        try Colours.check(shape, for: Self.name)
        return SampleShape(frames: shape.frames, height: shape.height, width: shape.width, channels: channels)
    }

    /// Makes all frames grey.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        var shape = sample.shape
        let count = shape.count / 3
        shape.channels = channels
        sample.replacePixels(with: shape) { source, target in
            for pixel in 0..<count {
                let grey = Self.grey(source + 3 * pixel)
                for channel in 0..<channels { target[channels * pixel + channel] = grey }
            }
        }
    }

    /// The grey of a pixel of red, green and blue.
    @inline(__always)
    private static func grey(_ pixel: UnsafePointer<UInt8>) -> UInt8 {
        let sum = UInt32(pixel[0]) * 19595 + UInt32(pixel[1]) * 38470 + UInt32(pixel[2]) * 7471 + 0x8000
        return UInt8(truncatingIfNeeded: sum >> 16)
    }
}

/// What transforms of colours have in common.
enum Colours {
    /// Refuses samples without red, green and blue; `name` names the transform.
    static func check(_ shape: SampleShape, for name: String) throws(DatasetError) {
        if shape.channels == 3 { return }
        throw DatasetError(
            problem: "\(name) needs red, green and blue, but a sample is \(shape)", remedy: "leave it out")
    }
}
