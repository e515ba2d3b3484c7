import Foundation
import Tensors

extension RandomStream {
    /// A number from the beta distribution with both parameters `alpha`, which is positive.
    ///
    /// - Determinism: `log` and `exp` are the host's, as for `normal`.
    /// - Source: Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; a beta number is the share
    ///   of one of two gamma numbers in their sum.
    mutating func beta(_ alpha: Double) -> Double {
        // Logarithms, because gamma numbers of small parameters are too small for the ratio.
        let (first, second) = (logarithmOfGamma(alpha), logarithmOfGamma(alpha))
        return 1 / (1 + exp(second - first))
    }

    private mutating func logarithmOfGamma(_ alpha: Double) -> Double {
        if alpha < 1 { return logarithmOfGamma(alpha + 1) + log(1 - unit()) / alpha }
        let d = alpha - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = Double(normal())
            let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            if v > 0, log(1 - unit()) < 0.5 * x * x + d - d * v + d * log(v) { return log(d * v) }
        }
    }

    /// A number in [0, 1) with 53 random bits.
    private mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
