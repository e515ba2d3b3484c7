/// How the elements of a segment are written.
package enum WireEncoding: UInt16, Hashable, Sendable {
    /// Little-endian 32-bit floats.
    case float32 = 0

    /// Whether `count` elements can take `bytes`.
    func isPossible(bytes: Int, count: Int) -> Bool { bytes == count * MemoryLayout<Float>.stride }
}
