import Foundation

/// The sizes of a convolutional LSTM on a batch of clips.
public struct ConvolutionalLSTMSizes: Sendable {
    /// Clips and frames of each.
    public var clips = 1, frames = 1
    /// Size of an image.
    public var height = 1, width = 1
    /// Channels of a frame and of a state.
    public var from = 1, hidden = 1
    /// Taps along both axes, an odd number.
    public var kernel = 1

    /// Sizes to be filled in.
    public init() {}

    /// Sums over the taps inside the image: x `[height, width, channels]` with filters `[outputs, channels, taps]`.
    fileprivate func convolution(_ x: [Double], _ channels: Int, _ weight: [Double], _ bias: [Double]) -> [Double] {
        var y: [Double] = []
        for (row, column) in (0..<height).flatMap({ row in (0..<width).map { (row, $0) } }) {
            for output in bias.indices {
                var sum = bias[output]
                for (down, right) in (0..<kernel).flatMap({ down in (0..<kernel).map { (down, $0) } }) {
                    let (i, j) = (row + down - kernel / 2, column + right - kernel / 2)
                    guard (0..<height).contains(i), (0..<width).contains(j) else { continue }
                    for channel in 0..<channels {
                        let tap = ((output * channels + channel) * kernel + down) * kernel + right
                        sum += x[(i * width + j) * channels + channel] * weight[tap]
                    }
                }
                y.append(sum)
            }
        }
        return y
    }
}

/// Inputs x `[clips, frames, height, width, from]`, weight `[4 · hidden, from + hidden, kernel, kernel]` and bias.
public func convolutionalLSTMReference(_ sizes: ConvolutionalLSTMSizes) -> ReferenceFunction {
    { inputs in
        let (pixels, channels) = (sizes.height * sizes.width, sizes.from + sizes.hidden)
        var output: [Double] = []
        for clip in 0..<sizes.clips {
            var hidden = [Double](repeating: 0, count: pixels * sizes.hidden)
            var cells = hidden
            for step in 0..<sizes.frames {
                let first = (clip * sizes.frames + step) * pixels
                var joined: [Double] = []
                for pixel in 0..<pixels {
                    joined += inputs[0][(first + pixel) * sizes.from..<(first + pixel + 1) * sizes.from]
                    joined += hidden[pixel * sizes.hidden..<(pixel + 1) * sizes.hidden]
                }
                let gates = sizes.convolution(joined, channels, inputs[1], inputs[2])
                func gate(_ block: Int, _ index: Int) -> Double {
                    gates[(index / sizes.hidden * 4 + block) * sizes.hidden + index % sizes.hidden]
                }
                func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
                for index in hidden.indices {
                    let candidate = sigmoid(gate(0, index)) * tanh(gate(3, index))
                    cells[index] = sigmoid(gate(1, index)) * cells[index] + candidate
                    hidden[index] = sigmoid(gate(2, index)) * tanh(cells[index])
                }
                output += hidden
            }
        }
        return output
    }
}
