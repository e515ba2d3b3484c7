import Kernels

// Polynomials fitted to the least largest relative error, evaluated with fused multiply-add where there is one: the
// bits differ between instruction sets with and without it. A NaN stays a NaN.

/// eˣ within 1e-7 of the true value, relatively; arguments beyond ±87 count as ±87, so that results stay normal numbers.
@inline(__always)
func exponential(_ x: Vector) -> Vector {
    let bound = Vector(repeating: 87)
    let above = x.replacing(with: bound, where: x .> bound)
    let clamped = above.replacing(with: -bound, where: above .< -bound)
    // Adding 1.5 · 2²³ rounds to an integer n and leaves it in the lowest bits.
    let magic = Vector(repeating: 12_582_912)
    let shifted = multiplyAdd(clamped, Vector(repeating: 1.442_695), magic)
    let n = shifted - magic
    // r = x − n · ln 2, with ln 2 in two parts of which n times the first is exact.
    let high = multiplyAdd(n, Vector(repeating: -0.693_359_4), clamped)
    let r = multiplyAdd(n, Vector(repeating: 2.121_944_4e-4), high)
    let mantissa = exponentialSeries(r) + 1
    // n goes straight into the exponent.
    let exponent = unsafeBitCast(shifted, to: VectorBits.self) &<< 23
    let result = unsafeBitCast(unsafeBitCast(mantissa, to: VectorBits.self) &+ exponent, to: Vector.self)
    return result.replacing(with: x, where: x .!= x)
}

/// eˣ − 1 for |x| ≤ ln √2.
@inline(__always)
private func exponentialSeries(_ x: Vector) -> Vector {
    var series = Vector(repeating: 0.001_381_459_9)
    series = multiplyAdd(series, x, Vector(repeating: 0.008_368_717))
    series = multiplyAdd(series, x, Vector(repeating: 0.041_668_39))
    series = multiplyAdd(series, x, Vector(repeating: 0.166_665_21))
    series = multiplyAdd(series, x, Vector(repeating: 0.499_999_94))
    return multiplyAdd(series, x * x, x)
}

/// eˣ − 1 within 4e-7 of the true value, relatively, also where that is near zero.
@inline(__always)
func exponentialMinusOne(_ x: Vector) -> Vector {
    let size = x.replacing(with: -x, where: x .< 0)
    return (exponential(x) - 1).replacing(with: exponentialSeries(x), where: size .< 0.346)
}

/// Distribution function and density of the standard normal distribution.
///
/// The tail, half of erfc(|x| / √2), is e^(−x²/2) times a polynomial in t = 1 / (1 + 0.45 · |x| / √2), fitted to the
/// least largest relative error. Within 6e-7 of the true value for |x| < 3, relatively; further out the exponent's
/// rounding adds 6e-8 · x².
@inline(__always)
func normalDistribution(_ x: Vector) -> (cumulative: Vector, density: Vector) {
    let size = x.replacing(with: -x, where: x .< 0)
    let bell = exponential(-0.5 * (x * x))
    let t = 1 / multiplyAdd(size, Vector(repeating: 0.318_198_05), Vector(repeating: 1))
    var series = Vector(repeating: -0.015_896_167_6)
    series = multiplyAdd(series, t, Vector(repeating: 0.069_643_341))
    series = multiplyAdd(series, t, Vector(repeating: -0.091_024_339_2))
    series = multiplyAdd(series, t, Vector(repeating: -0.005_816_156_04))
    series = multiplyAdd(series, t, Vector(repeating: 0.050_774_745_6))
    series = multiplyAdd(series, t, Vector(repeating: 0.028_087_142_9))
    series = multiplyAdd(series, t, Vector(repeating: 0.098_094_776_3))
    series = multiplyAdd(series, t, Vector(repeating: 0.112_027_72))
    series = multiplyAdd(series, t, Vector(repeating: 0.127_177_432))
    series = multiplyAdd(series, t, Vector(repeating: 0.126_931_489))
    let tail = bell * (series * t)
    return ((1 - tail).replacing(with: tail, where: x .< 0), 0.398_942_28 * bell)
}

/// 1 / (1 + e⁻ˣ) within 2e-7 of the true value, relatively.
@inline(__always)
func sigmoid(_ x: Vector) -> Vector { 1 / (1 + exponential(-x)) }

/// tanh x within 2e-7 of the true value, relatively.
@inline(__always)
func hyperbolicTangent(_ x: Vector) -> Vector {
    let size = x.replacing(with: -x, where: x .< 0)
    let square = x * x
    var series = Vector(repeating: -0.005_704_986_4)
    series = multiplyAdd(series, square, Vector(repeating: 0.020_639_086))
    series = multiplyAdd(series, square, Vector(repeating: -0.053_739_715))
    series = multiplyAdd(series, square, Vector(repeating: 0.133_314_42))
    series = multiplyAdd(series, square, Vector(repeating: -0.333_332_8))
    let small = multiplyAdd(series * square, x, x)
    let large = 1 - 2 / (1 + exponential(size + size))
    let signed = large.replacing(with: -large, where: x .< 0)
    return signed.replacing(with: small, where: size .< 0.625)
}

func sigmoid(_ x: Source, _ y: Destination, _ count: Int) {
    forEachVector(count) { offset, lanes in write(sigmoid(read(x + offset, lanes)), y + offset, lanes) }
}

func tanh(_ x: Source, _ y: Destination, _ count: Int) {
    forEachVector(count) { offset, lanes in write(hyperbolicTangent(read(x + offset, lanes)), y + offset, lanes) }
}
