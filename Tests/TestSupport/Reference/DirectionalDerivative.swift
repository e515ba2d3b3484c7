/// A function of several tensors in double precision, each given by its elements.
public typealias ReferenceFunction = @Sendable (_ inputs: [[Double]]) -> [Double]

/// The derivative of Σ upstream · f(inputs) when input `index` moves along `direction`, by a central difference.
///
/// - Complexity: two evaluations. The error is about 1e-9 of the terms' size for smooth functions of values around 1.
public func directionalDerivative(
    of function: ReferenceFunction, at inputs: [[Double]], index: Int, along direction: [Double], upstream: [Double]
) -> Double {
    let step = 1e-6
    func value(_ distance: Double) -> Double {
        var moved = inputs
        moved[index] = zip(moved[index], direction).map { $0 + distance * $1 }
        return zip(upstream, function(moved)).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return (value(step) - value(-step)) / (2 * step)
}
