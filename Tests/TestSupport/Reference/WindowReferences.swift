import Kernels

/// Sizes of a convolution or pooling, named as in PyTorch; an image has a depth of 1.
public struct WindowSizes: Sendable {
    /// Images or clips.
    public var images = 1
    /// Pixels of the input.
    public var input: Volume = 1
    /// Channels of the input and of the output.
    public var from = 1, to = 1
    /// Windows.
    public var kernel: Volume = 1, stride: Volume = 1, padding: Volume = 0, dilation: Volume = 1
    /// Groups of channels.
    public var groups = 1

    /// Sizes of a single pixel.
    public init() {}

    /// The number of windows along each axis.
    public var output: Volume {
        Volume(
            sizes: (0..<3).map { axis in
                (input.sizes[axis] + 2 * padding.sizes[axis] - dilation.sizes[axis] * (kernel.sizes[axis] - 1) - 1)
                    / stride.sizes[axis] + 1
            })
    }

    /// Calls `body` for each tap of a window that lies inside the input, with the number of the tap and of the pixel.
    func forEachTap(of window: [Int], _ body: (_ tap: Int, _ pixel: Int) -> Void) {
        forEachPlace(in: kernel) { tap, place in
            let pixel = (0..<3).map {
                window[$0] * stride.sizes[$0] - padding.sizes[$0] + place[$0] * dilation.sizes[$0]
            }
            guard (0..<3).allSatisfy({ (0..<input.sizes[$0]).contains(pixel[$0]) }) else { return }
            body(tap, (pixel[0] * input.height + pixel[1]) * input.width + pixel[2])
        }
    }

    /// Calls `body` for each window of each image, with the image, the window's place and its number in the batch.
    func forEachWindow(_ body: (_ image: Int, _ place: [Int], _ window: Int) -> Void) {
        let output = output
        for image in 0..<images {
            forEachPlace(in: output) { number, place in body(image, place, image * output.count + number) }
        }
    }

    private func forEachPlace(in extent: Volume, _ body: (_ number: Int, _ place: [Int]) -> Void) {
        for number in 0..<extent.count {
            body(
                number,
                [
                    number / extent.width / extent.height, number / extent.width % extent.height, number % extent.width,
                ])
        }
    }
}

/// Cross-correlation by its definition: x `[N, D, H, W, C]`, weight `[K, C/G, taps]` and perhaps bias `[K]`.
public func convolutionReference(_ sizes: WindowSizes) -> ReferenceFunction {
    // The places do not change between evaluations.
    var terms: [(window: Int, tap: Int, pixel: Int)] = []
    sizes.forEachWindow { image, place, window in
        sizes.forEachTap(of: place) { tap, pixel in terms.append((window, tap, image * sizes.input.count + pixel)) }
    }
    let (groupInputs, groupOutputs) = (sizes.from / sizes.groups, sizes.to / sizes.groups)
    let (places, taps, outputs) = (terms, sizes.kernel.count, sizes.images * sizes.output.count * sizes.to)
    return { inputs in
        let (x, weight) = (inputs[0], inputs[1])
        var y = [Double](repeating: 0, count: outputs)
        for (window, tap, pixel) in places {
            for output in 0..<sizes.to {
                let values = pixel * sizes.from + output / groupOutputs * groupInputs
                for input in 0..<groupInputs {
                    y[window * sizes.to + output] +=
                        x[values + input] * weight[(output * groupInputs + input) * taps + tap]
                }
            }
        }
        if inputs.count > 2 { for index in y.indices { y[index] += inputs[2][index % sizes.to] } }
        return y
    }
}

/// The largest value of each window of x `[N, D, H, W, C]`.
public func maxPoolReference(_ sizes: WindowSizes) -> ReferenceFunction {
    { inputs in
        var y = [Double](repeating: -.infinity, count: sizes.images * sizes.output.count * sizes.from)
        sizes.forEachWindow { image, place, window in
            sizes.forEachTap(of: place) { _, pixel in
                for channel in 0..<sizes.from {
                    let index = window * sizes.from + channel
                    y[index] = max(y[index], inputs[0][(image * sizes.input.count + pixel) * sizes.from + channel])
                }
            }
        }
        return y
    }
}

/// The mean of each window of x `[N, D, H, W, C]`, over all taps or over those inside the input.
public func averagePoolReference(_ sizes: WindowSizes, countsPadding: Bool) -> ReferenceFunction {
    { inputs in
        var y = [Double](repeating: 0, count: sizes.images * sizes.output.count * sizes.from)
        sizes.forEachWindow { image, place, window in
            var pixels: [Int] = []
            sizes.forEachTap(of: place) { _, pixel in pixels.append(image * sizes.input.count + pixel) }
            let count = Double(countsPadding ? sizes.kernel.count : pixels.count)
            for pixel in pixels {
                for channel in 0..<sizes.from {
                    y[window * sizes.from + channel] += inputs[0][pixel * sizes.from + channel] / count
                }
            }
        }
        return y
    }
}
