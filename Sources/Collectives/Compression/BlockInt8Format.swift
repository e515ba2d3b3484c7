import Messaging

/// Whole numbers from -127 to 127 times a power of two, the smallest that reaches a block's largest magnitude.
///
/// Source: Dettmers, 8-Bit Approximations for Parallelism in Deep Learning, 2016, with linear steps and a power of two.
struct BlockInt8Format: BlockScaledFormat {
    let width = 1

    func exponent(_ largest: Float) -> Int {
        let exponent = Int(largest.exponent) - 6
        // 127 steps reach 127/128 of the next power of two.
        return largest.significand > 127.0 / 64 ? exponent + 1 : exponent
    }

    /// Integers know no negative zero, which adding a zero takes away.
    func rounded(_ value: Float) -> Float { value.rounded(.toNearestOrEven) + 0 }

    func write(_ value: Float, to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: Int8(max(-127, min(127, value.isNaN ? 0 : value))), as: Int8.self)
    }

    func read(_ bytes: UnsafeRawPointer) -> Float { Float(bytes.load(as: Int8.self)) }
}
