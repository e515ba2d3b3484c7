import Tensors

/// The order in which an epoch visits the samples: a permutation drawn from the seed and the epoch.
///
/// - Determinism: a pure function of (count, seed, epoch); the number of workers, shards or threads does not enter.
/// - Source: Fisher and Yates 1938, in the form of Durstenfeld 1964.
public struct EpochOrder: Sendable, Equatable {
    /// The sample to visit at each place; every number in 0 ..< count once.
    public let indices: [Int]

    /// A new order of `count` samples for `epoch`.
    public init(count: Int, seed: UInt64, epoch: Int) {
        var random = RandomStream(seed: seed, StreamDomain.order, UInt64(epoch))
        indices = Self.shuffled(count, &random)
    }

    /// An order in which samples of about the same length make a batch: within each run of 32 batches they are sorted by
    /// length, then the batches are shuffled.
    ///
    /// - Parameters:
    ///   - lengths: The number of frames of each sample.
    ///   - batchSize: The number of samples of a batch; what is left for a short one comes last.
    /// - Determinism: a pure function of the arguments.
    public init(lengths: [Int], batchSize: Int, seed: UInt64, epoch: Int) {
        var random = RandomStream(seed: seed, StreamDomain.order, UInt64(epoch))
        let shuffled = Self.shuffled(lengths.count, &random)
        let whole = lengths.count / batchSize * batchSize
        let window = 32 * batchSize
        var batches: [ArraySlice<Int>] = []
        for start in stride(from: 0, to: whole, by: window) {
            let places = start..<min(start + window, whole)
            // Of equal lengths the one that was drawn first.
            let sorted = places.sorted { (lengths[shuffled[$0]], $0) < (lengths[shuffled[$1]], $1) }
                .map { shuffled[$0] }
            for first in stride(from: 0, to: sorted.count, by: batchSize) {
                batches.append(sorted[first..<first + batchSize])
            }
        }
        indices = Self.shuffled(batches.count, &random).flatMap { batches[$0] } + shuffled[whole...]
    }

    /// The samples in the order of their lengths, as evaluation visits those of which like ones come together.
    public init(sortedBy lengths: [Int]) {
        indices = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
    }

    /// The numbers below `count`, each order equally likely.
    private static func shuffled(_ count: Int, _ random: inout RandomStream) -> [Int] {
        var indices = Array(0..<count)
        indices.withUnsafeMutableBufferPointer { places in
            for last in stride(from: count - 1, to: 0, by: -1) {
                places.swapAt(last, random.integer(below: last + 1))
            }
        }
        return indices
    }

    /// The samples as they are stored, as evaluation visits them.
    public init(inStorageOrder count: Int) {
        indices = Array(0..<count)
    }
}

/// The first step of every path of random numbers drawn here, so that no other module's paths meet them.
enum StreamDomain {
    /// Orders of epochs, followed by the epoch ("order" in ASCII).
    static let order: UInt64 = 0x6f72_6465_72
    /// Transforms of samples, followed by epoch and sample ("augment" in ASCII).
    static let augmentation: UInt64 = 0x61_7567_6d65_6e74
    /// Mixing of batches, followed by epoch and first sample ("mix" in ASCII).
    static let mixing: UInt64 = 0x6d6978
    /// Where in a recording a clip begins, followed by epoch and sample ("window" in ASCII).
    static let window: UInt64 = 0x7769_6e64_6f77
    /// What a sample keeps in all epochs, followed by the sample ("constant" in ASCII).
    static let sampleConstant: UInt64 = 0x636f_6e73_7461_6e74
    /// Drawn clips, followed by split and clip ("moving" in ASCII).
    static let movingShapes: UInt64 = 0x6d6f_7669_6e67
    /// Drawn samples, followed by split and sample ("shapes" in ASCII).
    static let shapes: UInt64 = 0x7368_6170_6573
}
