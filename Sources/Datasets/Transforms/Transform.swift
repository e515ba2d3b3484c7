import Configuration
import Tensors

/// What a configuration can name in `data.augment` or `data.evaluation`: a value with parameters, each with a default.
public protocol TransformDefinition: Codable, Equatable, Sendable, ValidatedSection {
    /// The name in ``TransformCatalog``.
    static var name: String { get }
    /// Whether it draws random numbers; such transforms are for training samples only.
    static var isRandom: Bool { get }

    /// The transform with its default parameters.
    init()

    /// The shape of what becomes of a sample of `shape`.
    ///
    /// - Throws: When it cannot take such samples.
    func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape
}

extension TransformDefinition {
    /// Most transforms have no parameters that can be wrong.
    public func problems() -> [(key: String, problem: String)] { [] }

    /// Most transforms keep the shape.
    public func outputShape(for shape: SampleShape) throws(DatasetError) -> SampleShape { shape }
}

/// A change of one sample that keeps its label; the frames of a clip change alike.
///
/// - Determinism: the result depends on the sample and the visit alone.
public protocol Transform: TransformDefinition {
    /// Changes `sample` in place, with random numbers from `visit`.
    func apply(to sample: inout Sample, _ visit: inout Visit)
}

/// One sample's turn in an epoch: where its random numbers come from.
///
/// - Determinism: a pure function of (seed, epoch, index).
public struct Visit: Sendable {
    /// The epoch, from 0.
    public let epoch: Int
    /// Numbers for this visit; transforms draw from it one after the other.
    public var random: RandomStream
    /// A number that the sample keeps in all epochs.
    public let constant: UInt64

    /// The visit of sample `index` in `epoch`.
    public init(seed: UInt64, epoch: Int, index: Int) {
        self.epoch = epoch
        random = RandomStream(seed: seed, StreamDomain.augmentation, UInt64(epoch), UInt64(index))
        var own = RandomStream(seed: seed, StreamDomain.sampleConstant, UInt64(index))
        constant = own.next()
    }
}
