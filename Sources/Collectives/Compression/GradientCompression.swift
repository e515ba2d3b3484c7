/// What makes gradients smaller on the wire.
///
/// - Determinism: a shard's gradients are changed by what the shard was before alone, and sums are rounded as the
///   encoding says wherever they are formed; so the result is the same for any number of workers.
public protocol GradientCompression: Sendable {
    /// How sums are written, and what they are rounded to.
    var encoding: WireEncoding { get }

    /// Whether what is left out of a shard's gradients is added to the next step's.
    ///
    /// Who takes a shard over from another worker starts without it.
    var feedsErrorBack: Bool { get }

    /// Makes a shard's gradients representable.
    ///
    /// - Parameters:
    ///   - gradients: `count` elements from the start of a block on.
    ///   - error: What was left out in the step before, zero at first; takes what is left out now. Nil unless errors are fed
    ///     back.
    func prepare(_ gradients: UnsafeMutablePointer<Float>, error: UnsafeMutablePointer<Float>?, count: Int)
}

/// Rounds gradients and sums to an encoding that holds less than a 32-bit float.
public struct RoundingCompression: GradientCompression {
    /// How sums are written.
    public let encoding: WireEncoding
    /// False: rounding errors have no preferred direction.
    public var feedsErrorBack: Bool { false }

    /// Rounds to `encoding`.
    public init(to encoding: WireEncoding) { self.encoding = encoding }

    /// Rounds the gradients.
    public func prepare(_ gradients: UnsafeMutablePointer<Float>, error: UnsafeMutablePointer<Float>?, count: Int) {
        encoding.round(gradients, count: count)
    }
}

/// Keeps the largest gradients of each block and leaves the others to later steps.
///
/// Source: Stich, Cordonnier, Jaggi, Sparsified SGD with Memory, 2018; here for each block and each shard.
public struct TopKCompression: GradientCompression {
    /// Indices and values.
    public var encoding: WireEncoding { .sparse }
    /// True: else most gradients would never arrive.
    public var feedsErrorBack: Bool { true }
    /// The share of the elements that is kept.
    public let density: Double

    /// Keeps the share `density` of each block, at least one element.
    public init(density: Double) { self.density = density }

    /// Moves all but the largest magnitudes to `error`; of equal ones the first is kept.
    public func prepare(_ gradients: UnsafeMutablePointer<Float>, error: UnsafeMutablePointer<Float>?, count: Int) {
        guard let error else { preconditionFailure("top-k needs memory for what it leaves out") }
        var magnitudes: [UInt32] = []
        for start in stride(from: 0, to: count, by: WireEncoding.block) {
            let length = min(WireEncoding.block, count - start)
            let kept = min(max(Int(density * Double(length)), 1), length)
            let (block, left) = (gradients + start, error + start)
            magnitudes.removeAll(keepingCapacity: true)
            for index in 0..<length {
                block[index] += left[index]
                magnitudes.append(block[index].bitPattern & 0x7fff_ffff)
            }
            magnitudes.sort(by: >)
            let threshold = magnitudes[kept - 1]
            var ties = kept - (magnitudes.firstIndex(of: threshold) ?? 0)
            for index in 0..<length {
                let magnitude = block[index].bitPattern & 0x7fff_ffff
                if magnitude == threshold { ties -= 1 }
                let isKept = magnitude > threshold || (magnitude == threshold && ties >= 0)
                left[index] = isKept ? 0 : block[index]
                if !isKept { block[index] = 0 }
            }
        }
    }
}
