import Tensors

/// Where a figure stands, how it is turned, how large it is.
package struct Pose {
    /// The middle in pixels from the left (`x`) and the top (`y`).
    package var centre: (x: Float, y: Float)
    /// Where the figure's x axis points: a step to the right (`x`) and up (`y`) of length 1.
    package var direction: (x: Float, y: Float)
    /// The pixels of the figure's unit of length.
    package var radius: Float

    /// Makes a pose from its parts.
    package init(centre: (x: Float, y: Float), direction: (x: Float, y: Float), radius: Float) {
        self.centre = centre
        self.direction = direction
        self.radius = radius
    }

    /// Draws the lots of a figure that lies within the picture and stands nearly upright.
    init(_ random: inout RandomStream) {
        radius = random.uniform(8, 13)
        let room = Float(ShapeScene.side / 2) - radius
        let middle = Float(ShapeScene.side - 1) / 2
        centre = (middle + random.uniform(-room, room), middle + random.uniform(-room, room))
        direction = ShapeScene.unit(1, random.uniform(-0.6, 0.6))
    }
}

/// What a picture of a figure is painted with: colours, uneven ground with stripes, noise.
struct ShapeScene {
    /// The bounds between which a picture's lots are drawn.
    struct Style {
        /// Each colour of the ground, between 0 and 255.
        var ground: ClosedRange<Float>
        /// Each colour of the figure.
        var ink: ClosedRange<Float>
        /// The largest change of a colour from a pixel to the next.
        var slope: Float
        /// The largest height of the stripes.
        var stripes: Float
        /// The noise's amplitude.
        var noise: ClosedRange<Float>

        /// Any colour on any other, with much that disturbs.
        static let varied = Style(ground: 25...230, ink: 25...230, slope: 1.6, stripes: 32, noise: 8...32)
        /// A light figure on dark, nearly even ground: what moves is plain to see.
        static let plain = Style(ground: 16...48, ink: 140...255, slope: 0.2, stripes: 4, noise: 2...6)
    }

    /// The pixels of a side.
    static let side = 32
    /// Red, green and blue.
    static let channels = 3

    /// Red, green, blue between 0 and 255, and a lane that is not used.
    private typealias Colour = SIMD4<Float>

    private let ground: Colour
    private let ink: Colour
    /// The change of the ground's colour for each pixel to the right and down.
    private let slope: (right: Colour, down: Colour)
    private let stripes: Stripes
    private let noise: Float

    /// Draws the lots of a picture from `random`.
    init(_ style: Style, _ random: inout RandomStream) {
        let first = Self.colour(style.ground, &random)
        var second = Self.colour(style.ink, &random)
        while !Self.isDistinct(first, second) { second = Self.colour(style.ink, &random) }
        ground = first
        ink = second
        slope = (Self.colour(-style.slope...style.slope, &random), Self.colour(-style.slope...style.slope, &random))
        stripes = Stripes(style.stripes, &random)
        noise = random.uniform(style.noise.lowerBound, style.noise.upperBound)
    }

    /// Draws `figure` in `pose` as bytes `[32, 32, 3]`, each with noise from `random`.
    func draw(
        _ figure: Figure, _ pose: Pose, into pixels: UnsafeMutablePointer<UInt8>, random: inout RandomStream
    ) {
        let (centre, radius) = (pose.centre, pose.radius)
        // A pixel's way along the figure's x axis; a radius has length 1.
        let axis = (x: pose.direction.x / radius, y: pose.direction.y / radius)
        let steps = Lanes(0, 1, 2, 3, 4, 5, 6, 7)
        for row in 0..<Self.side {
            let up = centre.y - Float(row)
            for first in stride(from: 0, to: Self.side, by: Lanes.scalarCount) {
                let columns = steps + Float(first)
                let right = columns - centre.x
                let x = right * axis.x + up * axis.y
                let y = up * axis.x - right * axis.y
                let cover = Self.clamped(0.5 - radius * figure.distance(x, y), 0, 1)
                let shade = stripes.shade(columns, Float(row))
                for channel in 0..<Self.channels {
                    let level = ground[channel] + slope.down[channel] * Float(row - Self.side / 2)
                    let under = level + slope.right[channel] * (columns - Float(Self.side / 2)) + shade
                    let colour = under + (ink[channel] - under) * cover + noise * Self.grain(&random)
                    let bytes = Self.rounded(Self.clamped(colour, 0, 255))
                    let place = (row * Self.side + first) * Self.channels + channel
                    for lane in 0..<Lanes.scalarCount {
                        pixels[place + lane * Self.channels] = UInt8(truncatingIfNeeded: bytes[lane])
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func clamped(_ value: Lanes, _ lower: Float, _ upper: Float) -> Lanes {
        smaller(larger(value, Lanes(repeating: lower)), Lanes(repeating: upper))
    }

    /// Noise for eight pixels of a channel, each the difference of two bytes: between -1 and 1, mostly near 0.
    @inline(__always)
    private static func grain(_ random: inout RandomStream) -> Lanes {
        (numbers(random.next()) - numbers(random.next())) * (1 / 255)
    }

    // The lowest bit of a number from 2²³ on counts ones, so its lowest byte is a byte's value. The standard library's
    // own conversions between vectors of integers and of numbers go lane by lane.

    /// 2²³ plus each byte of `bits`.
    @inline(__always)
    private static func numbers(_ bits: UInt64) -> Lanes {
        let bytes = SIMD8<UInt32>(truncatingIfNeeded: unsafeBitCast(bits, to: SIMD8<UInt8>.self))
        return unsafeBitCast(bytes | Float(0x1p23).bitPattern, to: Lanes.self)
    }

    /// Words whose lowest bytes are the nearest whole numbers to `values`, which are from 0 to 255.
    @inline(__always)
    private static func rounded(_ values: Lanes) -> SIMD8<UInt32> {
        unsafeBitCast(values + 0x1p23, to: SIMD8<UInt32>.self)
    }

    /// A point on the unit circle, each equally likely; by rejection, because `sin` and `cos` differ between hosts.
    static func direction(_ random: inout RandomStream) -> (x: Float, y: Float) {
        while true {
            let (x, y) = (random.uniform(-1, 1), random.uniform(-1, 1))
            let square = x * x + y * y
            if square > 0.01 && square <= 1 { return unit(x, y) }
        }
    }

    /// The direction of (x, y) as a point on the unit circle.
    static func unit(_ x: Float, _ y: Float) -> (x: Float, y: Float) {
        let length = (x * x + y * y).squareRoot()
        return (x / length, y / length)
    }

    private static func colour(_ bounds: ClosedRange<Float>, _ random: inout RandomStream) -> Colour {
        let (lower, upper) = (bounds.lowerBound, bounds.upperBound)
        return Colour(random.uniform(lower, upper), random.uniform(lower, upper), random.uniform(lower, upper), 0)
    }

    /// Whether a figure in one colour can be told from a ground in the other through slope, stripes and noise.
    private static func isDistinct(_ first: Colour, _ second: Colour) -> Bool {
        let difference = first - second
        return (difference * difference).sum() > 100 * 100
    }
}

/// Light and dark stripes over a ground: a triangular wave in a random direction.
private struct Stripes {
    private let step: (x: Float, y: Float)
    private let phase: Float
    private let height: Float

    init(_ height: Float, _ random: inout RandomStream) {
        let direction = ShapeScene.direction(&random)
        let length = random.uniform(4, 16)
        step = (direction.x / length, direction.y / length)
        phase = random.uniform()
        self.height = random.uniform(0, height)
    }

    /// What the stripes add to each channel at pixels of a row: between -height/2 and height/2.
    @inline(__always)
    func shade(_ columns: Lanes, _ row: Float) -> Lanes {
        let places = columns * step.x + (row * step.y + phase)
        // Adding and taking away 1.5 · 2²³ rounds to the nearest whole number.
        let fractions = places - ((places + 0x1.8p23) - 0x1.8p23)
        return height * (2 * larger(fractions, -fractions) - 0.5)
    }
}
