#if AVX512
/// As many floats as a register holds.
typealias Vector = SIMD16<Float>
/// Their bits.
typealias VectorBits = SIMD16<UInt32>
#elseif AVX2
/// As many floats as a register holds.
typealias Vector = SIMD8<Float>
/// Their bits.
typealias VectorBits = SIMD8<UInt32>
#else
/// As many floats as a register holds.
typealias Vector = SIMD4<Float>
/// Their bits.
typealias VectorBits = SIMD4<UInt32>
#endif

/// As many whole numbers as a vector has lanes.
typealias Numbers = Vector.MaskStorage

/// a · b + c: one instruction where the instruction set has it, since elsewhere it would be a library call.
@inline(__always)
func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if AVX512 || AVX2
    c.addingProduct(a, b)
    #else
    a * b + c
    #endif
}

/// Sums before their first term.
///
/// By a closure: `InlineArray(repeating:)` of many vectors is a call, and then sums pass through memory.
@inline(__always)
func zeros<let count: Int>() -> InlineArray<count, Vector> { InlineArray { _ in .zero } }

@inline(__always)
func load(_ source: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(source).loadUnaligned(as: Vector.self)
}

@inline(__always)
func store(_ vector: Vector, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: vector, as: Vector.self)
}

/// Calls `body(offset, lanes)` for whole vectors and then for what is left of `count` elements.
///
/// With ``read(_:_:)`` and ``write(_:_:_:)``, one body serves both: inlined, whole vectors have no branches.
@inline(__always)
func forEachVector(_ count: Int, _ body: (_ offset: Int, _ lanes: Int) -> Void) {
    var offset = 0
    while offset &+ Vector.scalarCount <= count {
        body(offset, Vector.scalarCount)
        offset &+= Vector.scalarCount
    }
    if offset < count { body(offset, count &- offset) }
}

/// The first `lanes` floats, zeros behind them.
@inline(__always)
func read(_ source: UnsafePointer<Float>, _ lanes: Int) -> Vector {
    if lanes == Vector.scalarCount { return load(source) }
    var vector = Vector(repeating: 0)
    for lane in 0..<lanes { vector[lane] = source[lane] }
    return vector
}

/// Stores the first `lanes` floats.
@inline(__always)
func write(_ vector: Vector, _ target: UnsafeMutablePointer<Float>, _ lanes: Int) {
    if lanes == Vector.scalarCount { return store(vector, target) }
    for lane in 0..<lanes { target[lane] = vector[lane] }
}
