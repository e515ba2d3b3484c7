import Tensors

/// A random change of a whole batch that mixes each sample, and its target, with another.
///
/// - Determinism: the result depends on the batch and the random stream alone.
public protocol BatchTransform: TransformDefinition {
    /// Mixes the rows of a batch in place: row i with row i − 1, the first with the last.
    ///
    /// - Parameters:
    ///   - rows: `count` normalised samples of `shape`, one after the other.
    /// - Returns: The share of its own target that each row keeps; the rest belongs to the row that it was mixed with.
    func mix(
        _ rows: UnsafeMutablePointer<Float>, count: Int, shape: SampleShape, random: inout RandomStream
    ) -> Float
}

extension BatchTransform {
    /// They draw random numbers.
    public static var isRandom: Bool { true }
}

/// The second targets of a batch whose samples were mixed.
///
/// The loss is `weight` · loss(targets) + (1 − `weight`) · loss(`targets`), as in both papers.
public struct MixedTargets: Sendable, Equatable {
    /// The share of a sample's own target.
    public let weight: Float
    /// The class of the sample that each one was mixed with.
    public let targets: [Int32]
}
