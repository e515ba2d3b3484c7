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
    /// Activation functions.
    public let activation: ActivationKernels
    /// Loops over `[rows, channels]`.
    public let rows: RowKernels
    /// Batch norm with what surrounds it.
    public let batchNorm: BatchNormKernels
    /// Packing of image windows for convolution by matrix multiplication, and convolution of single channels.
    public let convolution: ConvolutionKernels
    /// Convolution with 3×3 taps by Winograd's algorithm.
    public let winograd: WinogradKernels
    /// Pooling over image windows.
    public let pooling: PoolingKernels
    /// Gradients of convolutions with pooling after them.
    public let pooledGradient: PooledGradientKernels
    /// Steps of recurrent layers without their matrix products.
    public let recurrent: RecurrentKernels
    /// Optimizer updates in one pass over flat memory.
    public let update: UpdateKernels

    /// Gathers the functions of one instruction set.
    public init(
        name: String, elementwise: ElementwiseKernels, activation: ActivationKernels, rows: RowKernels,
        batchNorm: BatchNormKernels,
        convolution: ConvolutionKernels, winograd: WinogradKernels,
        pooling: PoolingKernels, pooledGradient: PooledGradientKernels, recurrent: RecurrentKernels,
        update: UpdateKernels
    ) {
        self.name = name
        self.elementwise = elementwise
        self.activation = activation
        self.rows = rows
        self.batchNorm = batchNorm
        self.convolution = convolution
        self.winograd = winograd
        self.pooling = pooling
        self.pooledGradient = pooledGradient
        self.recurrent = recurrent
        self.update = update
    }
}
