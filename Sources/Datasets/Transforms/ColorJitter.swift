import Configuration
import Tensors

/// Changes brightness, contrast, saturation and hue by random factors in a random order, alike in all frames.
///
/// - Determinism: draws the order, then the four factors.
/// - Source: torchvision's `ColorJitter` of an image of bytes, with its rounding after each change.
public struct ColorJitter: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "color_jitter"
    /// It draws random numbers.
    public static let isRandom = true
    /// Factors of the brightness are between 1 − this, at least 0, and 1 + this.
    public var brightness: Float = 0
    /// Factors of the contrast, likewise.
    public var contrast: Float = 0
    /// Factors of the saturation, likewise.
    public var saturation: Float = 0
    /// Turns of the hue are between minus and plus this share of the circle, at most 0.5.
    public var hue: Float = 0

    /// No change at all.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        brightness = try values.decodeIfPresent(Float.self, forKey: .brightness) ?? brightness
        contrast = try values.decodeIfPresent(Float.self, forKey: .contrast) ?? contrast
        saturation = try values.decodeIfPresent(Float.self, forKey: .saturation) ?? saturation
        hue = try values.decodeIfPresent(Float.self, forKey: .hue) ?? hue
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        let bounds = [("brightness", brightness), ("contrast", contrast), ("saturation", saturation)]
        var problems = bounds.filter { !($0.1 >= 0 && $0.1.isFinite) }
            .map { ($0.0, "must be at least 0, found \($0.1)") }
        if !(0...0.5).contains(hue) { problems.append(("hue", "must be between 0 and 0.5, found \(hue)")) }
        return problems.map { (key: $0.0, problem: $0.1) }
    }

    /// The sample's own shape.
    ///
    /// - Throws: When the sample has no colours.
    public func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape {
        try Colours.check(shape, for: Self.name)
        return shape
    }

    /// Changes all frames of `sample` by the same factors.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        var order = [0, 1, 2, 3]
        for last in stride(from: 3, to: 0, by: -1) { order.swapAt(last, visit.random.integer(below: last + 1)) }
        func factor(_ bound: Float) -> Float {
            let number = visit.random.uniform()
            return max(0, 1 - bound) + (1 + bound - max(0, 1 - bound)) * number
        }
        let adjustments = [
            brightness > 0 ? ColorAdjustment.brightness(factor(brightness)) : nil,
            contrast > 0 ? .contrast(factor(contrast)) : nil,
            saturation > 0 ? .saturation(factor(saturation)) : nil,
            hue > 0 ? .hue(visit.random.uniform(-hue, hue)) : nil,
        ]
        for place in order { adjustments[place]?.apply(to: &sample) }
    }
}
