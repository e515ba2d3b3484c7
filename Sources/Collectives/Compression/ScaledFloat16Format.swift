import Messaging

/// IEEE 754 half precision, scaled so that a block's largest magnitude lies between 2¹⁴ and 2¹⁵.
///
/// Source: Micikevicius et al., Mixed Precision Training, 2018, with a scale for each block in place of one for all.
struct ScaledFloat16Format: BlockScaledFormat {
    let width = 2

    func exponent(_ largest: Float) -> Int {
        // Of the number that it rounds to, so that rounding again finds the same scale.
        let rounded = Float(bitPattern: (largest.bitPattern &+ 0xfff &+ (largest.bitPattern >> 13 & 1)) & 0xffff_e000)
        return (rounded.isFinite ? Int(rounded.exponent) : 127) - 14
    }

    func rounded(_ value: Float) -> Float { Self.float(Self.half(value)) }

    func write(_ value: Float, to bytes: UnsafeMutableRawPointer) {
        bytes.storeBytes(of: Self.half(value), as: UInt16.self)
    }

    func read(_ bytes: UnsafeRawPointer) -> Float { Self.float(bytes.loadUnaligned(as: UInt16.self)) }

    /// The nearest half-precision number of a magnitude below 65520, ties to even.
    private static func half(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16 & 0x8000)
        let magnitude = value.bitPattern & 0x7fff_ffff
        if magnitude < 113 << 23 {
            // Subnormal: adding 0.5 moves the wanted bits to the end, rounded by the addition itself.
            return sign | UInt16(truncatingIfNeeded: (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3f00_0000)
        }
        let rebiased = magnitude &- 112 << 23 &+ 0xfff &+ (magnitude >> 13 & 1)
        return sign | UInt16(truncatingIfNeeded: rebiased >> 13)
    }

    private static func float(_ half: UInt16) -> Float {
        let magnitude = UInt32(half & 0x7fff) << 13
        // Multiplying by 2¹¹² moves the exponent and makes subnormal numbers normal.
        let value = Float(bitPattern: magnitude) * 0x1p112
        return half & 0x8000 == 0 ? value : -value
    }
}
