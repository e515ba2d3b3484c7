import Foundation

/// A stream of random numbers that is a pure function of a seed and a path of indices, such as (epoch, sample).
///
/// Streams with different paths are independent, so whoever computes a sample or a shard draws the same numbers,
/// whatever was drawn elsewhere before. Number `i` of a stream can be computed without the ones before it.
///
/// - Determinism: the same bits on every host for the integers and uniform numbers; `normal` uses the host's `log`
///   and `cos`.
/// - Source: SplitMix64, Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
public struct RandomStream: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The stream for `seed` at `path`.
    public init(seed: UInt64, _ path: UInt64...) {
        self.init(seed: seed, path: path)
    }

    /// The stream for `seed` at `path`.
    public init(seed: UInt64, path: [UInt64]) {
        // Mixed once more than an index, so that seed 1 at [2] is not seed 2 at [1].
        state = Self.mixed(Self.mixed(seed &+ Self.increment))
        for index in path { state = Self.mixed(state ^ Self.mixed(index &+ Self.increment)) }
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mixed(state)
    }

    /// Where the stream stands: number `i` from here is `mixed(position + (i + 1) · increment)`.
    public var position: UInt64 { state }

    /// A number in [0, 1) with 24 random bits.
    public mutating func uniform() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    /// A number in [`lower`, `upper`).
    public mutating func uniform(_ lower: Float, _ upper: Float) -> Float {
        let number = lower + (upper - lower) * uniform()
        // The sum may round up to the bound.
        return number < upper ? number : max(lower, upper.nextDown)
    }

    /// An integer in 0 ..< `bound`, each equally likely.
    public mutating func integer(below bound: Int) -> Int {
        Int(next(upperBound: UInt64(bound)))
    }

    /// A number from the normal distribution with mean 0 and variance 1 (Box and Muller 1958, the cosine half).
    public mutating func normal() -> Float {
        let radius = (-2 * log(1 - Double(next() >> 11) * 0x1p-53)).squareRoot()
        return Float(radius * cos(2 * Double.pi * Double(next() >> 11) * 0x1p-53))
    }

    /// The distance between the states of consecutive numbers.
    public static let increment: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// The output function of SplitMix64: a bijection whose every output bit depends on every input bit.
    @inlinable
    public static func mixed(_ state: UInt64) -> UInt64 {
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
