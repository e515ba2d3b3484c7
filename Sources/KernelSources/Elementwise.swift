import Kernels

// Plain loops: the compiler vectorises them for the module's instruction set. Multiplications and additions are not
// contracted, so all instruction sets give the same bits here.

func add(_ a: Source, _ b: Source, _ y: Destination, _ count: Int) {
    for i in 0..<count { y[i] = a[i] + b[i] }
}

func accumulate(_ x: UnsafeRawPointer, _ y: Destination, _ count: Int) {
    for i in 0..<count { y[i] += x.loadUnaligned(fromByteOffset: i &* 4, as: Float.self) }
}

func scale(_ y: Destination, _ factor: Float, _ count: Int) {
    for i in 0..<count { y[i] *= factor }
}

func relu(_ x: Source, _ y: Destination, _ count: Int) {
    for i in 0..<count { y[i] = x[i] < 0 ? 0 : x[i] }
}

func reluGradient(_ y: Source, _ dy: Source, _ dx: Destination, _ count: Int, _ adds: Bool) {
    if adds {
        for i in 0..<count { dx[i] += y[i] <= 0 ? 0 : dy[i] }
    } else {
        for i in 0..<count { dx[i] = y[i] <= 0 ? 0 : dy[i] }
    }
}

/// The output function of the SplitMix64 stream, as in `RandomStream.mixed`.
@inline(__always)
private func mixed(_ state: UInt64) -> UInt64 {
    var bits = state
    bits = (bits ^ (bits &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits &>> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits &>> 31)
}

func dropout(
    _ x: Source, _ y: Destination, _ count: Int, _ position: UInt64, _ threshold: UInt64, _ factor: Float, _ adds: Bool
) {
    let increment: UInt64 = 0x9e37_79b9_7f4a_7c15
    for i in 0..<count {
        let number = mixed(position &+ (UInt64(truncatingIfNeeded: i) &+ 1) &* increment) &>> 32
        let kept = number < threshold ? 0 : x[i] * factor
        y[i] = adds ? y[i] + kept : kept
    }
}

func sumOfSquares(_ x: Source, _ count: Int) -> Double {
    // Eight running sums break the chain of dependent additions; their order depends on the count alone.
    var sums = SIMD8<Double>(repeating: 0)
    var i = 0
    while i &+ 8 <= count {
        let values = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Float>.self)
        let wide = SIMD8<Double>(values)
        sums += wide * wide
        i &+= 8
    }
    var total = sums.sum()
    while i < count {
        total += Double(x[i]) * Double(x[i])
        i &+= 1
    }
    return total
}

func isFinite(_ x: Source, _ count: Int) -> Bool {
    // Zero times what is infinite or not a number is not a number, which no later sum takes back; anything else adds nothing.
    var sums: InlineArray<8, Vector> = zeros()
    var i = 0
    while i &+ 8 &* Vector.scalarCount <= count {
        for sum in 0..<8 {
            sums[unchecked: sum] = multiplyAdd(load(x + (i &+ sum &* Vector.scalarCount)), .zero, sums[unchecked: sum])
        }
        i &+= 8 &* Vector.scalarCount
    }
    var total: Float = 0
    for sum in 0..<8 { total += sums[unchecked: sum].sum() }
    while i < count {
        total += x[i] * 0
        i &+= 1
    }
    return total == 0
}

func zeroCount(_ x: Source, _ count: Int) -> Int {
    let ones = Vector(repeating: 1)
    var total = 0
    var i = 0
    while i &+ Vector.scalarCount <= count {
        // A lane counts exactly up to 2²⁴.
        let end = min(count, i &+ Vector.scalarCount &<< 20)
        var zeros = Vector.zero
        while i &+ Vector.scalarCount <= end {
            zeros += ones.replacing(with: 0, where: load(x + i) .!= 0)
            i &+= Vector.scalarCount
        }
        total &+= Int(zeros.sum())
    }
    while i < count {
        total &+= x[i] == 0 ? 1 : 0
        i &+= 1
    }
    return total
}
