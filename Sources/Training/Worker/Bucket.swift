import Autograd
import Collectives

/// Elements of blocks that are summed at a time, and how they travel.
struct Bucket: Sendable {
    let range: Range<Int>
    let encoding: WireEncoding

    /// Into how many parts gradients are cut at least when sums overlap with backward, unless those fall below a size at
    /// which the way of a message takes longer than its elements.
    private static let earlyBuckets = 8
    private static let smallestEarly = 64 << 10
    /// The first elements are a bucket of their own where the others are announced while backward goes on.
    private static let lastElements = 16 << 10

    /// The buckets of `range`, the last elements first, and with the first elements apart.
    static func cutToAnnounce(_ range: Range<Int>, _ configuration: AllReduceConfiguration) -> [Bucket] {
        let first = range.lowerBound..<min(range.lowerBound + lastElements, range.upperBound)
        return cut(first.upperBound..<range.upperBound, configuration) + cut(first, configuration)
    }

    /// The buckets of `range`, the last elements first: backward begins with the last parameters.
    static func cut(
        _ range: Range<Int>, _ configuration: AllReduceConfiguration, overlaps: Bool = false,
        encoding: WireEncoding = .float32
    ) -> [Bucket] {
        var most = configuration.bucketElements
        if overlaps {
            // So that most of a small network's gradients can go early, too.
            let part = max(range.count / earlyBuckets, smallestEarly)
            most = min(most, (part + WireEncoding.block - 1) / WireEncoding.block * WireEncoding.block)
        }
        return stride(from: range.lowerBound, to: range.upperBound, by: most).map { start in
            Bucket(range: start..<min(start + most, range.upperBound), encoding: encoding)
        }.reversed()
    }
}
