import Configuration

/// (logit − y)², where y is 1 for the target's class and 0 for the others; matches `torch.nn.MSELoss` on one-hot targets.
///
/// The mean divides by the number of logits, samples times classes.
public struct MeanSquaredError: Loss {
    /// The name in the configuration.
    public static let name = "mse"

    /// There is nothing to configure.
    public init() {}

    /// Sums over the classes.
    public func evaluate(
        _ logits: UnsafeBufferPointer<Float>, target: Int, gradient: UnsafeMutableBufferPointer<Float>
    ) -> SampleLoss {
        var sum = 0.0
        for k in logits.indices {
            let difference = Double(logits[k]) - (k == target ? 1 : 0)
            sum += difference * difference
            gradient[k] = Float(2 * difference)
        }
        return SampleLoss(sum: sum, weight: Double(logits.count))
    }
}
