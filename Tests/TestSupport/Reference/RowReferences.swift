import Foundation

/// x `[N, I]` · weight `[O, I]`ᵀ, plus bias `[O]` if there is one.
public func linearReference(rows: Int, from inputCount: Int, to outputCount: Int) -> ReferenceFunction {
    { inputs in
        var y: [Double] = []
        for row in 0..<rows {
            for output in 0..<outputCount {
                var sum = inputs.count > 2 ? inputs[2][output] : 0
                for input in 0..<inputCount {
                    sum += inputs[0][row * inputCount + input] * inputs[1][output * inputCount + input]
                }
                y.append(sum)
            }
        }
        return y
    }
}

/// Batch norm over rows of channels: x, weight, bias; with the rows' statistics, or with given ones.
public func batchNormReference(
    channels: Int, epsilon: Double = 1e-5, running: (mean: [Double], variance: [Double])? = nil
) -> ReferenceFunction {
    { inputs in
        let x = inputs[0]
        let rows = x.count / channels
        var y = x
        for channel in 0..<channels {
            let values = (0..<rows).map { x[$0 * channels + channel] }
            let mean = running?.mean[channel] ?? values.reduce(0, +) / Double(rows)
            let variance =
                running?.variance[channel] ?? values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows)
            for row in 0..<rows {
                let normal = (values[row] - mean) / (variance + epsilon).squareRoot()
                y[row * channels + channel] = normal * inputs[1][channel] + inputs[2][channel]
            }
        }
        return y
    }
}

/// (x − mean) / √(variance + ε) · weight + bias for x `[N, pixels, C]`, with mean and variance of each group of channels.
public func groupNormReference(
    images: Int, pixels: Int, channels: Int, groups: Int, epsilon: Double = 1e-5
) -> ReferenceFunction {
    { inputs in
        var y = inputs[0]
        let width = channels / groups
        for image in 0..<images {
            for group in 0..<groups {
                let places = (0..<pixels * width).map {
                    (image * pixels + $0 / width) * channels + group * width + $0 % width
                }
                let mean = places.reduce(0) { $0 + inputs[0][$1] } / Double(places.count)
                let variance =
                    places.reduce(0) { $0 + (inputs[0][$1] - mean) * (inputs[0][$1] - mean) } / Double(places.count)
                for place in places {
                    let normal = (inputs[0][place] - mean) / (variance + epsilon).squareRoot()
                    y[place] = normal * inputs[1][place % channels] + inputs[2][place % channels]
                }
            }
        }
        return y
    }
}

/// x `[N, pixels, C]` to `[N, C · pixels]`.
public func flattenReference(images: Int, pixels: Int, channels: Int) -> ReferenceFunction {
    { inputs in
        (0..<images * channels * pixels).map { index in
            let image = index / (channels * pixels)
            let (channel, pixel) = (index / pixels % channels, index % pixels)
            return inputs[0][(image * pixels + pixel) * channels + channel]
        }
    }
}
