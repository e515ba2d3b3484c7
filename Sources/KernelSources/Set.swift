import Kernels

#if AVX512
private let instructionSet = "avx512"
#elseif AVX2
private let instructionSet = "avx2"
#else
private let instructionSet = "baseline"
#endif

/// The kernels compiled for this module's instruction set.
public let kernelSet = KernelSet(
    name: instructionSet,
    elementwise: ElementwiseKernels(
        add: add, accumulate: accumulate, scale: scale, relu: relu, reluGradient: reluGradient, sigmoid: sigmoid,
        tanh: tanh, dropout: dropout, sumOfSquares: sumOfSquares, isFinite: isFinite,
        zeroCount: zeroCount),
    activation: activationKernels,
    rows: RowKernels(
        addBias: addBias, sum: sum, moments: moments, affine: affine, gradientSums: gradientSums,
        affineGradient: affineGradient, scale: scaleRows, copy: copyRows, softmax: softmax,
        softmaxGradient: softmaxGradient, transpose: transpose),
    batchNorm: BatchNormKernels(
        lanes: Vector.scalarCount, normalize: normalizeRows, gradientSums: batchNormGradientSums,
        gradient: batchNormGradient),
    convolution: ConvolutionKernels(
        pack: pack, unpackAdding: unpackAdding, packWeights: packWeights, unpackWeights: unpackWeights,
        flipWeights: flipWeights, packFlippedWeights: packFlippedWeights, pad: pad, directLanes: Vector.scalarCount,
        directBlock: directBlock,
        direct: direct,
        directWeightGradient: directWeightGradient, product: product, sparseProduct: sparseProduct,
        depthwise: depthwise,
        depthwiseInputGradient: depthwiseInputGradient, depthwiseWeightGradient: depthwiseWeightGradient),
    winograd: WinogradKernels(
        lanes: Vector.scalarCount, transformWeights: winogradTransformWeights, restoreWeights: winogradRestoreWeights,
        convolve: winogradConvolve, weightGradient: winogradWeightGradient,
        transformLineWeights: winogradTransformLineWeights, convolveLines: winogradConvolveLines),
    pooling: PoolingKernels(
        maximum: maximum, maximumGradient: maximumGradient, maximumGradientSums: maximumGradientSums),
    pooledGradient: PooledGradientKernels(
        lanes: Vector.scalarCount, weightGradient: pooledWeightGradient, inputGradient: pooledInputGradient,
        permutedWeightGradient: permutedWeightGradientKernel),
    recurrent: RecurrentKernels(
        lstm: lstm, lstmGradient: lstmGradient, gru: gru, gruGradient: gruGradient, tanhGradient: tanhGradient),
    update: UpdateKernels(
        squares: squares, sgd: sgd, adam: adam, rmsprop: rmsprop, lars: lars, lambMoments: lambMoments, lamb: lamb,
        average: average))
