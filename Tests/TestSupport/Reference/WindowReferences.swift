/// Sizes of a convolution or pooling, named as in PyTorch.
public struct WindowSizes: Sendable {
    /// Images and pixels of the input.
    public var images = 1, height = 1, width = 1
    /// Channels of the input and of the output.
    public var from = 1, to = 1
    /// Windows.
    public var kernel = 1, stride = 1, padding = 0, dilation = 1, groups = 1

    /// Sizes of a single pixel.
    public init() {}

    /// Rows and columns of the output.
    public var outputHeight: Int { (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1 }
    /// Columns of the output.
    public var outputWidth: Int { (width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1 }

    /// Calls `body` for each tap of the window at (`row`, `column`) that lies inside the image, with the number of the
    /// tap and of the pixel.
    func forEachTap(row: Int, column: Int, _ body: (_ tap: Int, _ pixel: Int) -> Void) {
        for kernelRow in 0..<kernel {
            for kernelColumn in 0..<kernel {
                let y = row * stride - padding + kernelRow * dilation
                let x = column * stride - padding + kernelColumn * dilation
                if y < 0 || y >= height || x < 0 || x >= width { continue }
                body(kernelRow * kernel + kernelColumn, y * width + x)
            }
        }
    }

    /// Calls `body` for each window of each image, with the image, row, column and number of the window in the batch.
    func forEachWindow(_ body: (_ image: Int, _ row: Int, _ column: Int, _ window: Int) -> Void) {
        for image in 0..<images {
            for row in 0..<outputHeight {
                for column in 0..<outputWidth {
                    body(image, row, column, (image * outputHeight + row) * outputWidth + column)
                }
            }
        }
    }
}

/// Cross-correlation by its definition: x `[N, H, W, C]`, weight `[K, C/G, kernel, kernel]` and perhaps bias `[K]`.
public func convolutionReference(_ sizes: WindowSizes) -> ReferenceFunction {
    { inputs in
        let (x, weight) = (inputs[0], inputs[1])
        let (groupInputs, groupOutputs) = (sizes.from / sizes.groups, sizes.to / sizes.groups)
        let taps = sizes.kernel * sizes.kernel
        let pixels = sizes.height * sizes.width
        var y = [Double](
            repeating: 0, count: sizes.images * sizes.outputHeight * sizes.outputWidth * sizes.to)
        sizes.forEachWindow { image, row, column, window in
            sizes.forEachTap(row: row, column: column) { tap, pixel in
                for output in 0..<sizes.to {
                    let firstInput = output / groupOutputs * groupInputs
                    let values = (image * pixels + pixel) * sizes.from + firstInput
                    for input in 0..<groupInputs {
                        y[window * sizes.to + output] +=
                            x[values + input] * weight[(output * groupInputs + input) * taps + tap]
                    }
                }
            }
        }
        if inputs.count > 2 { for index in y.indices { y[index] += inputs[2][index % sizes.to] } }
        return y
    }
}

/// The largest value of each window of x `[N, H, W, C]`.
public func maxPoolReference(_ sizes: WindowSizes) -> ReferenceFunction {
    { inputs in
        let pixels = sizes.height * sizes.width
        var y = [Double](
            repeating: -.infinity, count: sizes.images * sizes.outputHeight * sizes.outputWidth * sizes.from)
        sizes.forEachWindow { image, row, column, window in
            sizes.forEachTap(row: row, column: column) { _, pixel in
                for channel in 0..<sizes.from {
                    let index = window * sizes.from + channel
                    y[index] = max(y[index], inputs[0][(image * pixels + pixel) * sizes.from + channel])
                }
            }
        }
        return y
    }
}
