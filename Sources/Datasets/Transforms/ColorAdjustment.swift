/// One change of the colours of all pixels of a sample in red, green and blue.
///
/// - Source: `adjust_brightness`, `adjust_contrast`, `adjust_saturation` and `adjust_hue` of torchvision for images of
///   bytes; results are cut off to whole numbers as there.
package enum ColorAdjustment: Sendable, Equatable {
    /// Multiplies with a factor.
    case brightness(Float)
    /// Moves away from the mean grey of the frame by a factor.
    case contrast(Float)
    /// Moves away from the pixel's grey by a factor.
    case saturation(Float)
    /// Turns the hue by a share of the circle.
    case hue(Float)

    /// Changes all frames of `sample`.
    package func apply(to sample: inout Sample) {
        let shape = sample.shape
        let pixels = shape.height * shape.width
        sample.withMutablePixels { bytes in
            guard let base = bytes.baseAddress else { return }
            for frame in 0..<shape.frames {
                let first = base + 3 * frame * pixels
                switch self {
                case .brightness(let factor):
                    for place in 0..<3 * pixels { first[place] = Self.byte(factor * Float(first[place])) }
                case .contrast(let factor):
                    var sum = 0
                    for pixel in 0..<pixels { sum += Int(Self.grey(first + 3 * pixel)) }
                    let part = (1 - factor) * (Float(sum) / Float(pixels))
                    for place in 0..<3 * pixels { first[place] = Self.byte(factor * Float(first[place]) + part) }
                case .saturation(let factor):
                    for pixel in 0..<pixels {
                        let place = first + 3 * pixel
                        let part = (1 - factor) * Float(Self.grey(place))
                        for channel in 0..<3 { place[channel] = Self.byte(factor * Float(place[channel]) + part) }
                    }
                case .hue(let turn):
                    for pixel in 0..<pixels { Self.turn(first + 3 * pixel, by: turn) }
                }
            }
        }
    }

    @inline(__always)
    private static func byte(_ value: Float) -> UInt8 { UInt8(max(0, min(255, value))) }

    @inline(__always)
    private static func grey(_ pixel: UnsafeMutablePointer<UInt8>) -> UInt8 {
        byte(0.2989 * Float(pixel[0]) + 0.587 * Float(pixel[1]) + 0.114 * Float(pixel[2]))
    }

    /// Turns the hue of one pixel: from red, green and blue to hue, saturation and value, and back.
    private static func turn(_ pixel: UnsafeMutablePointer<UInt8>, by turn: Float) {
        let (red, green, blue) = (Float(pixel[0]) / 255, Float(pixel[1]) / 255, Float(pixel[2]) / 255)
        let (value, smallest) = (max(red, green, blue), min(red, green, blue))
        let range = value - smallest
        // Grey has no hue.
        if range == 0 { return }
        let saturation = range / value
        let sector: Float =
            value == red
            ? (green - blue) / range
            : value == green ? 2 + (blue - red) / range : 4 + (red - green) / range
        var hue = sector / 6 + 1 + turn
        hue -= hue.rounded(.down)
        let place = hue * 6
        let index = Int(place.rounded(.down))
        let fraction = place - Float(index)
        func level(_ number: Float) -> UInt8 { byte(max(0, min(1, number)) * 255.999) }
        let low = level(value * (1 - saturation))
        let falling = level(value * (1 - saturation * fraction))
        let rising = level(value * (1 - saturation * (1 - fraction)))
        let high = level(value)
        let (r, g, b) =
            switch index % 6 {
            case 0: (high, rising, low)
            case 1: (falling, high, low)
            case 2: (low, high, rising)
            case 3: (low, falling, high)
            case 4: (rising, low, high)
            default: (high, low, falling)
            }
        (pixel[0], pixel[1], pixel[2]) = (r, g, b)
    }
}
