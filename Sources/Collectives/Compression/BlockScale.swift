import Messaging

/// Encodings that write each block as an exponent of two bytes, the block's scale, and its elements divided by it.
///
/// A block that holds something infinite or not a number becomes not a number as a whole: training stops in any case.
protocol BlockScaledFormat: WireFormat {
    /// Bytes of an element.
    var width: Int { get }

    /// The exponent of the scale of a block whose largest magnitude, a positive number, is `largest`.
    func exponent(_ largest: Float) -> Int

    /// `value`, which has been divided by the scale, as it will be read.
    func rounded(_ value: Float) -> Float

    /// Writes `value`, which has been divided by the scale.
    func write(_ value: Float, to bytes: UnsafeMutableRawPointer)

    /// Reads what `write` wrote.
    func read(_ bytes: UnsafeRawPointer) -> Float
}

/// The exponent of a block that is not a number.
private let notANumber = Int16.max

extension BlockScaledFormat {
    func round(_ values: UnsafeMutablePointer<Float>, count: Int) {
        forEachBlock(count) { start, length in
            let block = values + start
            guard let exponent = scale(block, length) else { return block.update(repeating: .nan, count: length) }
            let (up, down) = (power(exponent), power(-exponent))
            for index in 0..<length { block[index] = rounded(block[index] * down) * up }
        }
    }

    func isPossible(bytes: Int, count: Int) -> Bool {
        bytes == count * width + (count + WireEncoding.block - 1) / WireEncoding.block * 2
    }

    func encode(_ values: UnsafePointer<Float>, count: Int) -> Frame {
        let blocks = (count + WireEncoding.block - 1) / WireEncoding.block
        return Frame.made(count * width + blocks * 2) { bytes in
            var target = bytes
            forEachBlock(count) { start, length in
                let exponent = scale(values + start, length)
                target.storeBytes(of: exponent.map { Int16($0) } ?? notANumber, as: Int16.self)
                target += 2
                let down = power(-(exponent ?? 0))
                for index in 0..<length { write(values[start + index] * down, to: target + index * width) }
                target += length * width
            }
        }
    }

    func decode(_ frame: Frame, count: Int) -> Frame? {
        Frame.made(count * 4) { bytes in
            let floats = bytes.bindMemory(to: Float.self, capacity: count)
            frame.withBytes { source in
                guard var source = source.baseAddress else { return }
                forEachBlock(count) { start, length in
                    let exponent = source.loadUnaligned(as: Int16.self)
                    source += 2
                    let up = exponent == notANumber ? .nan : power(Int(exponent))
                    for index in 0..<length { floats[start + index] = read(source + index * width) * up }
                    source += length * width
                }
            }
        }
    }

    /// The exponent of a block's scale; nil when it holds something that is not finite.
    private func scale(_ values: UnsafePointer<Float>, _ count: Int) -> Int? {
        var largest: UInt32 = 0
        for index in 0..<count { largest = max(largest, values[index].bitPattern & 0x7fff_ffff) }
        if largest >= 0x7f80_0000 { return nil }
        // Below, the scale and its inverse are not both normal numbers, and what is lost is of no account.
        return largest == 0 ? 0 : min(max(exponent(Float(bitPattern: largest)), -126), 126)
    }

    private func power(_ exponent: Int) -> Float {
        Float(sign: .plus, exponent: min(max(exponent, -126), 127), significand: 1)
    }

    private func forEachBlock(_ count: Int, _ body: (_ start: Int, _ length: Int) -> Void) {
        for start in stride(from: 0, to: count, by: WireEncoding.block) {
            body(start, min(WireEncoding.block, count - start))
        }
    }
}
