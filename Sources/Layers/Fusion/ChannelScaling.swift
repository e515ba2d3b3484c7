import Kernels
import Tensors

/// What batch norm does to the channels of a batch: of each its mean, 1 / σ, weight / σ, and what is added then.
struct ChannelScaling: Sendable {
    let channels: Int
    private let values: Tensor

    /// From the moments of parts of `grain` rows in `slots`; `variance` is shown the means and unbiased variances.
    init(
        moments slots: Source, channels: Int, rows: Int, grain: Int, epsilon: Float, weight: Tensor?, bias: Tensor?,
        _ engine: Engine, _ record: Normalization.Record
    ) {
        self.channels = channels
        values = engine.tensor([4, channels]) { mean in
            let (inverse, scale, shift) = (mean + channels, mean + 2 * channels, mean + 3 * channels)
            Moments.merge(slots, mean, inverse, channels: channels, rows: rows, grain: grain)
            for c in 0..<channels { scale[c] = inverse[c] / Float(max(rows - 1, 1)) }
            record.body(mean, scale)
            for c in 0..<channels {
                inverse[c] = 1 / (inverse[c] / Float(max(rows, 1)) + epsilon).squareRoot()
                scale[c] = inverse[c]
            }
            weight?.withElements { weight in
                for c in 0..<channels { scale[c] *= weight[c] }
            }
            for c in 0..<channels { shift[c] = -mean[c] * scale[c] }
            bias?.withElements { bias in
                for c in 0..<channels { shift[c] += bias[c] }
            }
        }
    }

    /// Normalises `rows` rows of `z`, adds the residual, and rectifies the sum if it shall.
    func normalize(
        _ z: Source, _ residual: Source?, _ y: Destination, _ rows: Int, rectifies: Bool, _ engine: Engine
    ) {
        values.withElements { mean in
            engine.kernels.batchNorm.normalize(
                z, mean + 2 * channels, mean + 3 * channels, residual, y, rows, channels, rectifies)
        }
    }

    /// Of each channel Σ dy and then Σ dy · (z − mean); if it is masked only where the normalised value is positive.
    func gradientSums(_ z: Source, _ dy: Source, _ sums: Destination, _ rows: Int, masked: Bool, _ engine: Engine) {
        values.withElements { mean in
            engine.kernels.batchNorm.gradientSums(
                z, dy, mean, mean + 2 * channels, mean + 3 * channels, sums, sums + channels, rows, channels, masked)
        }
    }

    /// The factors of ``gradient`` from the sums over all `rows` rows: dz = w/σ · (dy − mean(dy) − (z − mean)/σ² ·
    /// mean(dy · (z − mean))), as in ``Normalization``.
    func gradientFactors(_ sums: Source, rows: Int, _ engine: Engine) -> Tensor {
        engine.tensor([2, channels]) { factors in
            values.withElements { mean in
                let (inverse, scale) = (mean + channels, mean + 2 * channels)
                let share = 1 / Float(rows)
                for c in 0..<channels {
                    factors[c] = -scale[c] * inverse[c] * inverse[c] * sums[channels + c] * share
                    factors[channels + c] = -scale[c] * sums[c] * share
                }
            }
        }
    }

    /// The gradient of `rows` rows of `z`.
    func gradient(
        _ z: Source, _ dy: Source, _ factors: Tensor, _ dz: Destination, _ rows: Int, masked: Bool, _ engine: Engine
    ) {
        values.withElements { mean in
            factors.withElements { factors in
                let (scale, shift) = (mean + 2 * channels, mean + 3 * channels)
                engine.kernels.batchNorm.gradient(
                    z, dy, mean, scale, shift, scale, factors, factors + channels, dz, rows, channels, masked)
            }
        }
    }

    /// Writes or adds the gradient of batch norm's weight.
    func weightGradient(_ sums: Source, _ dw: Destination, adds: Bool) {
        values.withElements { mean in
            for c in 0..<channels { dw[c] = (adds ? dw[c] : 0) + sums[channels + c] * mean[channels + c] }
        }
    }
}
