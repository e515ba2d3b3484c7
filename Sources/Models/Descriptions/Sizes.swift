import Layers

/// Sizes along the axes of an image or clip: one number for all of them, or a list, outermost first as in PyTorch.
struct Sizes<Axes: Extent>: Codable, Equatable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    let extent: Axes

    init(_ size: Int) { extent = Axes(size) }
    init(integerLiteral size: Int) { self.init(size) }
    init(arrayLiteral sizes: Int...) { extent = Axes(sizes: sizes) }

    /// Reads a whole number, or a list with one for each axis.
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let size = try? container.decode(Int.self) {
            extent = Axes(size)
        } else if let sizes = try? container.decode([Int].self), sizes.count == Axes.axes {
            extent = Axes(sizes: sizes)
        } else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "expects a whole number, or a list of \(Axes.axes) for \(Axes.names)"))
        }
    }

    /// Writes a number where all axes have the same.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let first = extent.sizes.first, extent.sizes.allSatisfy({ $0 == first }) {
            try container.encode(first)
        } else {
            try container.encode(extent.sizes)
        }
    }
}

/// An option that says one or several sizes.
protocol SizeOption {
    var sizes: [Int] { get }
}

extension Int: SizeOption { var sizes: [Int] { [self] } }
extension Sizes: SizeOption { var sizes: [Int] { extent.sizes } }
extension Width: SizeOption { var sizes: [Int] { count.map { [$0] } ?? [] } }
extension Optional: SizeOption where Wrapped: SizeOption { var sizes: [Int] { self?.sizes ?? [] } }

extension LayerKind {
    /// What is wrong with sizes, which may be absent.
    static func faults(
        in options: KeyValuePairs<String, any SizeOption>, allowed range: ClosedRange<Int> = LayerSize.range
    ) -> [(key: String, problem: String)] {
        options.compactMap { key, option in
            guard let size = option.sizes.first(where: { !range.contains($0) }) else { return nil }
            return (key, "must be between \(range.lowerBound) and \(range.upperBound), found \(size)")
        }
    }

    /// What is wrong with the padding of a pool, which may be at most half of a window.
    static func faults<Axes>(
        inPadding padding: Sizes<Axes>?, kernel: Sizes<Axes>
    ) -> [(key: String, problem: String)] {
        guard let padding, zip(padding.sizes, kernel.sizes).contains(where: { $0 * 2 > $1 }) else { return [] }
        return [("padding", "must be at most half of the kernel, found \(padding.sizes) for \(kernel.sizes)")]
    }

    /// What is wrong with a probability of leaving elements out, which may be absent.
    static func faults(inProbability probability: Float?, key: String) -> [(key: String, problem: String)] {
        guard let probability, !(0..<1).contains(probability) else { return [] }
        return [(key, "must be at least 0 and below 1, found \(probability)")]
    }

    /// What is wrong with a number that must be positive and may be absent.
    static func faults(inPositive number: Float?, key: String) -> [(key: String, problem: String)] {
        guard let number, !(number > 0 && number.isFinite) else { return [] }
        return [(key, "must be above 0, found \(number)")]
    }
}

/// What sizes of layers can be.
enum LayerSize {
    /// Features, channels, kernels and strides; far above what is of use, far below what overflows.
    static let range = 1...65_536
    /// Padding.
    static let orNothing = 0...65_536
}
