/// The product of two vectors.
///
/// - Determinism: sixteen partial sums, added in one order, so the same bits on every host.
func product(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int) -> Float {
    typealias Vector = SIMD16<Float>
    let (left, right) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
    var sums = Vector.zero
    let whole = count / Vector.scalarCount * Vector.scalarCount
    for index in stride(from: 0, to: whole, by: Vector.scalarCount) {
        sums +=
            left.loadUnaligned(fromByteOffset: index * 4, as: Vector.self)
            * right.loadUnaligned(fromByteOffset: index * 4, as: Vector.self)
    }
    var sum: Float = 0
    for lane in 0..<Vector.scalarCount { sum += sums[lane] }
    for index in whole..<count {
        sum +=
            left.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
            * right.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
    }
    return sum
}

/// Adds `weight` times `addend` to `sum`.
///
/// - Determinism: one multiplication and one addition for each element, so the same bits on every host.
func add(
    _ weight: Float, times addend: UnsafePointer<Float>, to sum: UnsafeMutablePointer<Float>, count: Int
) {
    typealias Vector = SIMD16<Float>
    let (source, destination) = (UnsafeRawPointer(addend), UnsafeMutableRawPointer(sum))
    let weights = Vector(repeating: weight)
    let whole = count / Vector.scalarCount * Vector.scalarCount
    for index in stride(from: 0, to: whole, by: Vector.scalarCount) {
        let value =
            destination.loadUnaligned(fromByteOffset: index * 4, as: Vector.self)
            + weights * source.loadUnaligned(fromByteOffset: index * 4, as: Vector.self)
        destination.storeBytes(of: value, toByteOffset: index * 4, as: Vector.self)
    }
    for index in whole..<count { sum[index] += weight * addend[index] }
}

/// Makes the vectors of a basis, each of `length` elements, orthonormal, one after the other.
///
/// One that lies in the span of those before it becomes zero.
///
/// - Determinism: sums in 64 bits from the first element to the last, so the same bits on every host.
func orthonormalize(_ basis: UnsafeMutablePointer<Float>, vectors: Int, length: Int) {
    func product(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>) -> Double {
        (0..<length).reduce(0) { $0 + Double(left[$1]) * Double(right[$1]) }
    }
    for number in 0..<vectors {
        let vector = basis + number * length
        let before = product(vector, vector).squareRoot()
        // The second round takes away what rounding left in the first.
        for _ in 0..<2 {
            for earlier in 0..<number {
                let other = basis + earlier * length
                add(-Float(product(vector, other)), times: other, to: vector, count: length)
            }
        }
        let after = product(vector, vector).squareRoot()
        let scale = after > 1e-5 * before ? 1 / after : 0
        for index in 0..<length { vector[index] = Float(Double(vector[index]) * scale) }
    }
}
