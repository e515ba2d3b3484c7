import Messaging

/// The number of elements that are not zero, their indices and their values; or all elements where that is shorter.
///
/// It rounds nothing.
struct SparseFormat: WireFormat {
    private static let dense = UInt32.max

    func round(_ values: UnsafeMutablePointer<Float>, count: Int) {}

    func isPossible(bytes: Int, count: Int) -> Bool {
        bytes >= 4 && bytes % 4 == 0 && bytes <= 4 + count * 4
    }

    func encode(_ values: UnsafePointer<Float>, count: Int) -> Frame {
        var indices: [UInt32] = []
        // A negative zero is one: the sign of a sum can depend on it.
        for index in 0..<count where values[index].bitPattern != 0 { indices.append(UInt32(index)) }
        guard indices.count * 2 < count else {
            return Frame.made(4 + count * 4) { bytes in
                bytes.storeBytes(of: Self.dense, as: UInt32.self)
                (bytes + 4).copyMemory(from: values, byteCount: count * 4)
            }
        }
        return Frame.made(4 + indices.count * 8) { bytes in
            bytes.storeBytes(of: UInt32(indices.count), as: UInt32.self)
            for (place, index) in indices.enumerated() {
                (bytes + 4 + place * 4).storeBytes(of: index, as: UInt32.self)
                (bytes + 4 + (indices.count + place) * 4).storeBytes(of: values[Int(index)], as: Float.self)
            }
        }
    }

    func decode(_ frame: Frame, count: Int) -> Frame? {
        frame.withBytes { source -> Frame? in
            guard let source = source.baseAddress else { return nil }
            func word(_ index: Int) -> UInt32 { source.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self) }
            if word(0) == Self.dense {
                guard frame.count == 4 + count * 4 else { return nil }
                return Frame.made(count * 4) { $0.copyMemory(from: source + 4, byteCount: count * 4) }
            }
            let nonzero = Int(word(0))
            guard frame.count == 4 + nonzero * 8, (0..<nonzero).allSatisfy({ word(1 + $0) < count }) else { return nil }
            return Frame.made(count * 4) { bytes in
                let words = bytes.bindMemory(to: UInt32.self, capacity: count)
                words.update(repeating: 0, count: count)
                for place in 0..<nonzero { words[Int(word(1 + place))] = word(1 + nonzero + place) }
            }
        }
    }
}
