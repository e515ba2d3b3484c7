/// Adds `count` floats of `left` and `right` into `sum`.
///
/// The operands may lie at any address, as received frames do; `sum` may be one of the operands, but must not overlap
/// them otherwise.
///
/// - Determinism: one IEEE addition for each element, so the same bits on every host.
package func add(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, into sum: UnsafeMutableRawPointer, count: Int) {
    typealias Vector = SIMD16<Float>
    let stride = MemoryLayout<Vector>.stride
    let end = count * MemoryLayout<Float>.stride
    var offset = 0
    while offset + stride <= end {
        let value =
            left.loadUnaligned(fromByteOffset: offset, as: Vector.self)
            + right.loadUnaligned(fromByteOffset: offset, as: Vector.self)
        sum.storeBytes(of: value, toByteOffset: offset, as: Vector.self)
        offset += stride
    }
    while offset < end {
        let value =
            left.loadUnaligned(fromByteOffset: offset, as: Float.self)
            + right.loadUnaligned(fromByteOffset: offset, as: Float.self)
        sum.storeBytes(of: value, toByteOffset: offset, as: Float.self)
        offset += MemoryLayout<Float>.stride
    }
}
