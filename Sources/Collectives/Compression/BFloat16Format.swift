import Messaging

/// bfloat16: the exponents of a 32-bit float, eight bits of precision.
struct BFloat16Format: WireFormat {
    /// Rounds to nearest, ties to even; what is not a number stays so.
    func round(_ values: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count {
            let bits = values[index].bitPattern
            let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000
            values[index] = Float(bitPattern: bits & 0x7fff_ffff > 0x7f80_0000 ? 0x7fc0_0000 : rounded)
        }
    }

    func isPossible(bytes: Int, count: Int) -> Bool { bytes == count * 2 }

    func encode(_ values: UnsafePointer<Float>, count: Int) -> Frame {
        Frame.made(count * 2) { bytes in
            let halves = bytes.bindMemory(to: UInt16.self, capacity: count)
            for index in 0..<count { halves[index] = UInt16(truncatingIfNeeded: values[index].bitPattern >> 16) }
        }
    }

    func decode(_ frame: Frame, count: Int) -> Frame? {
        Frame.made(count * 4) { bytes in
            let floats = bytes.bindMemory(to: UInt32.self, capacity: count)
            frame.withBytes { source in
                guard let source = source.baseAddress else { return }
                for index in 0..<count {
                    floats[index] = UInt32(source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)) << 16
                }
            }
        }
    }
}
