import Configuration

/// Cuts a square out of the middle.
///
/// - Source: the same as torchvision's `CenterCrop(size)`, with its rounding of half pixels to even.
public struct CenterCrop: Transform {
    /// The name in ``TransformCatalog``.
    public static let name = "center_crop"
    /// It draws no random numbers.
    public static let isRandom = false
    /// The rows and columns of the result; without it the short side of the sample.
    public var size: Nullable<Int> = nil

    /// A crop to the short side.
    public init() {}

    /// Reads the parameters that differ from the defaults.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        size = try values.decodeIfPresent(Nullable<Int>.self, forKey: .size) ?? size
    }

    /// What is wrong with the parameters.
    public func problems() -> [(key: String, problem: String)] {
        guard let size = size.value, size < 1 else { return [] }
        return [("size", "must be null or at least 1, found \(size)")]
    }

    /// `size` × `size` pixels.
    public func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape {
        try Crop.outputShape(for: shape, size: side(of: shape), by: Self.name)
    }

    /// Cuts all frames of `sample` alike.
    public func apply(to sample: inout Sample, _ visit: inout Visit) {
        let (shape, side) = (sample.shape, side(of: sample.shape))
        func middle(_ length: Int) -> Int { Int((Double(length - side) / 2).rounded(.toNearestOrEven)) }
        Crop.cut(&sample, from: (middle(shape.height), middle(shape.width)), height: side, width: side)
    }

    private func side(of shape: SampleShape) -> Int { size.value ?? min(shape.height, shape.width) }
}
