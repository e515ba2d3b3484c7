/// Floats to read.
public typealias Source = UnsafePointer<Float>
/// Floats to write.
public typealias Destination = UnsafeMutablePointer<Float>

/// The engine's inner loops, compiled for one instruction set.
///
/// Each member is a function on raw memory: sizes are element counts, sources and destinations do not overlap unless a
/// member says so, and `accumulate` adds to the destination where it otherwise overwrites. Images are `[N, H, W, C]`.
///
/// - Determinism: the order of every sum is fixed by the sizes alone.
public struct KernelSet: Sendable {
    /// The instruction set: `avx512`, `avx2` or `baseline`.
    public let name: String
    /// Loops over single elements.
    public let elementwise: ElementwiseKernels
    /// Loops over `[rows, channels]`.
    public let rows: RowKernels
    /// Packing of image windows for convolution by matrix multiplication, and convolution of single channels.
    public let convolution: ConvolutionKernels
    /// Pooling over image windows.
    public let pooling: PoolingKernels
    /// Optimizer updates in one pass over flat memory.
    public let update: UpdateKernels

    /// Gathers the functions of one instruction set.
    public init(
        name: String, elementwise: ElementwiseKernels, rows: RowKernels, convolution: ConvolutionKernels,
        pooling: PoolingKernels, update: UpdateKernels
    ) {
        self.name = name
        self.elementwise = elementwise
        self.rows = rows
        self.convolution = convolution
        self.pooling = pooling
        self.update = update
    }
}

/// Loops over single elements; see the members' types for the order of arguments.
public struct ElementwiseKernels: Sendable {
    /// y = a + b: `(a, b, y, count)`; y may be a or b.
    public let add: @Sendable (Source, Source, Destination, Int) -> Void
    /// y += x: `(x, y, count)`; x may be unaligned, as received frames are.
    public let accumulate: @Sendable (UnsafeRawPointer, Destination, Int) -> Void
    /// y *= factor: `(y, factor, count)`.
    public let scale: @Sendable (Destination, Float, Int) -> Void
    /// y = max(x, 0), a NaN stays: `(x, y, count)`; y may be x.
    public let relu: @Sendable (Source, Destination, Int) -> Void
    /// dx = dy where y > 0, else 0: `(y, dy, dx, count, accumulate)`; dx may be dy.
    public let reluGradient: @Sendable (Source, Source, Destination, Int, Bool) -> Void
    /// y = x · factor where number `i` of a random stream is kept, else 0:
    /// `(x, y, count, stream position, threshold, factor, accumulate)`; an element is dropped when the top 32 bits of its number are
    /// below `threshold`.
    public let dropout: @Sendable (Source, Destination, Int, UInt64, UInt64, Float, Bool) -> Void
    /// The sum of squares, in double precision: `(x, count)`.
    public let sumOfSquares: @Sendable (Source, Int) -> Double

    /// Gathers the functions.
    public init(
        add: @escaping @Sendable (Source, Source, Destination, Int) -> Void,
        accumulate: @escaping @Sendable (UnsafeRawPointer, Destination, Int) -> Void,
        scale: @escaping @Sendable (Destination, Float, Int) -> Void,
        relu: @escaping @Sendable (Source, Destination, Int) -> Void,
        reluGradient: @escaping @Sendable (Source, Source, Destination, Int, Bool) -> Void,
        dropout: @escaping @Sendable (Source, Destination, Int, UInt64, UInt64, Float, Bool) -> Void,
        sumOfSquares: @escaping @Sendable (Source, Int) -> Double
    ) {
        self.add = add
        self.accumulate = accumulate
        self.scale = scale
        self.relu = relu
        self.reluGradient = reluGradient
        self.dropout = dropout
        self.sumOfSquares = sumOfSquares
    }
}

/// Loops over `[rows, channels]`, such as all pixels of a batch of images.
public struct RowKernels: Sendable {
    /// x[r, c] += bias[c]: `(x, bias, rows, channels)`.
    public let addBias: @Sendable (Destination, Source, Int, Int) -> Void
    /// sums[c] = Σ x[r, c]: `(x, sums, rows, channels, accumulate)`.
    public let sum: @Sendable (Source, Destination, Int, Int, Bool) -> Void
    /// mean[c] and m2[c] = Σ (x[r, c] − mean[c])², merged block by block as by Chan 1979:
    /// `(x, mean, m2, rows, channels)`.
    public let moments: @Sendable (Source, Destination, Destination, Int, Int) -> Void
    /// y = x · scale[c] + shift[c]: `(x, scale, shift, y, rows, channels)`.
    public let affine: @Sendable (Source, Source, Source, Destination, Int, Int) -> Void
    /// Sums for the backward pass of batch norm, Σ dy and Σ dy · (x − mean):
    /// `(x, dy, mean, sumDy, sumDyX, rows, channels)`.
    public let gradientSums: @Sendable (Source, Source, Source, Destination, Destination, Int, Int) -> Void
    /// dx = a[c] · dy + b[c] · (x − mean[c]) + d[c]: `(x, dy, mean, a, b, d, dx, rows, channels, accumulate)`.
    public let affineGradient:
        @Sendable (Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool) -> Void
    /// y[c, r] = x[r, c]: `(x, y, rows, channels, accumulate)`.
    public let transpose: @Sendable (Source, Destination, Int, Int, Bool) -> Void

    /// Gathers the functions.
    public init(
        addBias: @escaping @Sendable (Destination, Source, Int, Int) -> Void,
        sum: @escaping @Sendable (Source, Destination, Int, Int, Bool) -> Void,
        moments: @escaping @Sendable (Source, Destination, Destination, Int, Int) -> Void,
        affine: @escaping @Sendable (Source, Source, Source, Destination, Int, Int) -> Void,
        gradientSums: @escaping @Sendable (Source, Source, Source, Destination, Destination, Int, Int) -> Void,
        affineGradient:
            @escaping @Sendable (Source, Source, Source, Source, Source, Source, Destination, Int, Int, Bool) -> Void,
        transpose: @escaping @Sendable (Source, Destination, Int, Int, Bool) -> Void
    ) {
        self.addBias = addBias
        self.sum = sum
        self.moments = moments
        self.affine = affine
        self.gradientSums = gradientSums
        self.affineGradient = affineGradient
        self.transpose = transpose
    }
}

/// The windows that a kernel of a convolution or pooling visits on one image.
public struct Windows: Hashable, Sendable {
    /// Size of the input image.
    public let height, width, channels: Int
    /// Size of the window.
    public let kernelHeight, kernelWidth: Int
    /// Distance between windows, zeros (or −∞) around the image, and distance between the window's taps.
    public let stride, padding, dilation: Int

    /// Describes windows; sizes in pixels.
    public init(
        height: Int, width: Int, channels: Int, kernelHeight: Int, kernelWidth: Int, stride: Int, padding: Int,
        dilation: Int
    ) {
        self.height = height
        self.width = width
        self.channels = channels
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// Rows of windows, as PyTorch computes them; not positive when no window fits.
    public var outputHeight: Int { Self.output(height, kernelHeight, stride, padding, dilation) }
    /// Windows in a row.
    public var outputWidth: Int { Self.output(width, kernelWidth, stride, padding, dilation) }
    /// Taps of a window times channels: the length of a packed row.
    public var packedCount: Int { kernelHeight * kernelWidth * channels }

    private static func output(_ size: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ dilation: Int) -> Int {
        let room = size + 2 * padding - dilation * (kernel - 1) - 1
        return room < 0 ? 0 : room / stride + 1
    }
}

/// Packing of image windows for convolution by matrix multiplication, and convolution of single channels.
public struct ConvolutionKernels: Sendable {
    /// One image `[H, W, C]` to rows `[OH · OW, KH · KW · C]`, zeros outside the image: `(image, rows, windows)`.
    public let pack: @Sendable (Source, Destination, Windows) -> Void
    /// Adds rows back to where `pack` took them from: `(rows, image, windows)`.
    public let unpackAdding: @Sendable (Source, Destination, Windows) -> Void
    /// Weights `[out, in, taps]` to `[taps, in, out]`: `(weights, packed, out, in, taps)`.
    public let packWeights: @Sendable (Source, Destination, Int, Int, Int) -> Void
    /// The way back: `(packed, weights, out, in, taps, accumulate)`.
    public let unpackWeights: @Sendable (Source, Destination, Int, Int, Int, Bool) -> Void
    /// Packed weights `[taps, in, out]` to those of the input's gradient, `[reversed taps, out, in]`:
    /// `(packed, flipped, out, in, taps)`.
    public let flipWeights: @Sendable (Source, Destination, Int, Int, Int) -> Void
    /// One image with zeros around it: `(image, padded, height, width, channels, margin)`.
    public let pad: @Sendable (Source, Destination, Int, Int, Int, Int) -> Void
    /// The number of output channels must be a multiple of this for the two below.
    public let directLanes: Int
    /// One padded image, windows without padding, packed weights; sums begin with the bias, zero or, to accumulate, the
    /// output: `(padded, packed weights, bias, output, windows, out, accumulate)`.
    public let direct: @Sendable (Source, Source, Source?, Destination, Windows, Int, Bool) -> Void
    /// Adds to the gradient of the packed weights: `(padded, dy, dWeights, windows, out)`.
    public let directWeightGradient: @Sendable (Source, Source, Destination, Windows, Int) -> Void
    /// One image, each channel with its own filter; weights `[KH · KW, C]`: `(image, weights, output, windows)`.
    public let depthwise: @Sendable (Source, Source, Destination, Windows) -> Void
    /// The same for the gradient of the image, which is added to: `(dy, weights, dImage, windows)`.
    public let depthwiseInputGradient: @Sendable (Source, Source, Destination, Windows) -> Void
    /// The same for the gradient of the weights, which is added to: `(image, dy, dWeights, windows)`.
    public let depthwiseWeightGradient: @Sendable (Source, Source, Destination, Windows) -> Void

    /// Gathers the functions.
    public init(
        pack: @escaping @Sendable (Source, Destination, Windows) -> Void,
        unpackAdding: @escaping @Sendable (Source, Destination, Windows) -> Void,
        packWeights: @escaping @Sendable (Source, Destination, Int, Int, Int) -> Void,
        unpackWeights: @escaping @Sendable (Source, Destination, Int, Int, Int, Bool) -> Void,
        flipWeights: @escaping @Sendable (Source, Destination, Int, Int, Int) -> Void,
        pad: @escaping @Sendable (Source, Destination, Int, Int, Int, Int) -> Void,
        directLanes: Int,
        direct: @escaping @Sendable (Source, Source, Source?, Destination, Windows, Int, Bool) -> Void,
        directWeightGradient: @escaping @Sendable (Source, Source, Destination, Windows, Int) -> Void,
        depthwise: @escaping @Sendable (Source, Source, Destination, Windows) -> Void,
        depthwiseInputGradient: @escaping @Sendable (Source, Source, Destination, Windows) -> Void,
        depthwiseWeightGradient: @escaping @Sendable (Source, Source, Destination, Windows) -> Void
    ) {
        self.pack = pack
        self.unpackAdding = unpackAdding
        self.packWeights = packWeights
        self.unpackWeights = unpackWeights
        self.flipWeights = flipWeights
        self.pad = pad
        self.directLanes = directLanes
        self.direct = direct
        self.directWeightGradient = directWeightGradient
        self.depthwise = depthwise
        self.depthwiseInputGradient = depthwiseInputGradient
        self.depthwiseWeightGradient = depthwiseWeightGradient
    }
}

/// Pooling over image windows, one image at a time.
public struct PoolingKernels: Sendable {
    /// The largest value of each window and its first tap in row order; a NaN wins, as in PyTorch:
    /// `(image, output, taps, windows)`.
    public let maximum: @Sendable (Source, Destination, UnsafeMutablePointer<UInt8>, Windows) -> Void
    /// Adds each output's gradient to the pixel that won: `(dy, taps, dImage, windows)`.
    public let maximumGradient: @Sendable (Source, UnsafePointer<UInt8>, Destination, Windows) -> Void

    /// Gathers the functions.
    public init(
        maximum: @escaping @Sendable (Source, Destination, UnsafeMutablePointer<UInt8>, Windows) -> Void,
        maximumGradient: @escaping @Sendable (Source, UnsafePointer<UInt8>, Destination, Windows) -> Void
    ) {
        self.maximum = maximum
        self.maximumGradient = maximumGradient
    }
}

/// The constants of one step of stochastic gradient descent, named as in `torch.optim.SGD`.
public struct SGDStep: Sendable {
    /// Step size.
    public let learningRate: Float
    /// Factor of the momentum buffer; 0 means none.
    public let momentum: Float
    /// What the first step's momentum buffer takes is undampened; later ones take (1 − dampening) of the gradient.
    public let dampening: Float
    /// Factor of the parameter that is added to its gradient.
    public let weightDecay: Float
    /// Whether the step looks ahead (Nesterov 1983, in PyTorch's form).
    public let nesterov: Bool
    /// Factor of the gradient before anything else: one over the number of samples, times clipping.
    public let gradientScale: Float
    /// Whether the momentum buffer is still empty.
    public let isFirst: Bool

    /// Gathers the constants.
    public init(
        learningRate: Float, momentum: Float, dampening: Float, weightDecay: Float, nesterov: Bool,
        gradientScale: Float, isFirst: Bool
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        self.weightDecay = weightDecay
        self.nesterov = nesterov
        self.gradientScale = gradientScale
        self.isFirst = isFirst
    }
}

/// Optimizer updates in one pass over flat memory.
public struct UpdateKernels: Sendable {
    /// `(parameters, gradients, momentum buffer, count, step)`.
    public let sgd: @Sendable (Destination, Source, Destination, Int, SGDStep) -> Void

    /// Gathers the functions.
    public init(sgd: @escaping @Sendable (Destination, Source, Destination, Int, SGDStep) -> Void) {
        self.sgd = sgd
    }
}
