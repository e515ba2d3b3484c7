import Foundation

/// The logarithms of one row's softmax, in double precision and without overflow.
struct LogSoftmax {
    private let logits: UnsafeBufferPointer<Float>
    private let largest: Float
    private let logTotal: Double

    /// Takes one row of logits, which it reads as long as it is used.
    init(_ logits: UnsafeBufferPointer<Float>) {
        self.logits = logits
        largest = logits[logits.indexOfLargest]
        var total = 0.0
        for logit in logits { total += exp(Double(logit - largest)) }
        logTotal = log(total)
    }

    /// The logarithm of class `k`'s probability.
    subscript(k: Int) -> Double { Double(logits[k] - largest) - logTotal }
}
