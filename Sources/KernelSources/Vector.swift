#if AVX512
/// As many floats as a register holds.
typealias Vector = SIMD16<Float>
#elseif AVX2
/// As many floats as a register holds.
typealias Vector = SIMD8<Float>
#else
/// As many floats as a register holds.
typealias Vector = SIMD4<Float>
#endif

/// a · b + c: one instruction where the instruction set has it, since elsewhere it would be a library call.
@inline(__always)
func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if AVX512 || AVX2
    c.addingProduct(a, b)
    #else
    a * b + c
    #endif
}

@inline(__always)
func load(_ source: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(source).loadUnaligned(as: Vector.self)
}

@inline(__always)
func store(_ vector: Vector, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: vector, as: Vector.self)
}
