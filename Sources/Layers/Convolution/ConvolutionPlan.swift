import Kernels
import Tensors

/// How a convolution is computed: by the first algorithm in each direction that serves its sizes, and spread over threads.
///
/// Images go a few at a time, so that what is done to a part's output before and after finds it in the cache. Parts depend
/// on the sizes alone.
struct ConvolutionPlan: Sendable {
    /// Work on what has been computed for a part of the images, which lies at `place`.
    typealias Stage = @Sendable (_ images: Range<Int>, _ place: Destination) -> Void

    private let geometry: ConvolutionGeometry
    private let engine: Engine
    private let wide: WideWinograd?
    /// Computes the output and the gradient of the weights.
    let algorithm: any ConvolutionAlgorithm
    /// Computes the gradient of the input.
    let gradientAlgorithm: any InputGradientAlgorithm

    init(_ geometry: ConvolutionGeometry, _ engine: Engine) {
        self.geometry = geometry
        self.engine = engine
        let kernels = engine.kernels.convolution
        let winograd = WinogradConvolution(geometry, engine)
        wide = winograd.flatMap { $0.isWide ? $0.wide : nil }
        if let winograd {
            algorithm = winograd
            gradientAlgorithm = winograd
        } else if PointwiseConvolution.serves(geometry, kernels) {
            let pointwise = PointwiseConvolution(geometry: geometry)
            algorithm = pointwise
            gradientAlgorithm = pointwise
        } else if DepthwiseConvolution.serves(geometry) {
            let depthwise = DepthwiseConvolution(geometry: geometry)
            algorithm = depthwise
            gradientAlgorithm = depthwise
        } else {
            let matrix = MatrixConvolution(geometry: geometry)
            let direct = DirectConvolution(geometry: geometry)
            let plain: any ConvolutionAlgorithm = DirectConvolution.serves(geometry, kernels) ? direct : matrix
            algorithm = LineConvolution(direct, engine) ?? plain
            gradientAlgorithm =
                if DirectConvolution.servesInputGradient(geometry, kernels) {
                    direct
                } else if StridedInputGradient.serves(geometry, kernels) {
                    StridedInputGradient(geometry: geometry)
                } else {
                    matrix
                }
        }
    }

    /// Images of a part.
    var imagesAtOnce: Int { algorithm.imagesAtOnce }

    /// The number of parts of a batch.
    func parts(_ images: Int) -> Int { (images + imagesAtOnce - 1) / imagesAtOnce }

    // MARK: - Forward

    /// The weights in the form that the calls below take.
    func packed(_ weight: Tensor) -> Tensor { wide == nil ? PackedWeights.pack(weight, geometry, engine) : weight }

    /// Writes the outputs to `y`, or each part's to scratch without one, and shows each part that is done to `stage`.
    func forward(
        _ x: ImageSource, _ packed: Tensor, _ bias: Tensor?, _ images: Int, into y: Destination?,
        then stage: Stage? = nil
    ) {
        withElements(of: bias) { bias in
            if let wide {
                forwardByOutputs(wide, x, packed, bias, images, y, stage)
            } else {
                forwardByImages(x, packed, bias, images, y, stage)
            }
        }
    }

    private func forwardByImages(
        _ x: ImageSource, _ packed: Tensor, _ bias: Source?, _ images: Int, _ y: Destination?, _ stage: Stage?
    ) {
        algorithm.forwardWeights(packed, engine).withElements { weights in
            let (weights, bias, y) = (SharedSource(weights), bias.map { SharedSource($0) }, y.map { SharedPointer($0) })
            engine.split(images, grain: imagesAtOnce) { [self] part in
                x.withPart(part, imageCount: geometry.imageCount, engine) { x in
                    let compute = { [self] (target: Destination) in
                        if !algorithm.forward(x, weights.base, bias?.base, target, part.count, engine), let bias {
                            engine.kernels.rows.addBias(
                                target, bias.base, part.count * geometry.pixels, geometry.outputs)
                        }
                        stage?(part, target)
                    }
                    if let y { return compute(y.base + part.lowerBound * geometry.outputCount) }
                    engine.withScratch(part.count * geometry.outputCount, compute)
                }
            }
        }
    }

    private func forwardByOutputs(
        _ wide: WideWinograd, _ x: ImageSource, _ packed: Tensor, _ bias: Source?, _ images: Int,
        _ y: Destination?, _ stage: Stage?
    ) {
        guard let y else {
            return engine.withScratch(images * geometry.outputCount) {
                forwardByOutputs(wide, x, packed, bias, images, $0, stage)
            }
        }
        x.withAll(images, imageCount: geometry.imageCount, grain: imagesAtOnce, engine) { x in
            packed.withElements { wide.forward(x, $0, bias, y, images, engine) }
        }
        if let stage { show(y, geometry.outputCount, images, stage) }
    }

    /// Shows `stage` what lies at `base`, part by part.
    private func show(_ base: Destination, _ imageCount: Int, _ images: Int, _ stage: @escaping Stage) {
        let base = SharedPointer(base)
        engine.split(images, grain: imagesAtOnce) { stage($0, base.base + $0.lowerBound * imageCount) }
    }

    // MARK: - Backward

    /// Writes all gradients, from those of the outputs, and shows each part of the input's that is done to `stage`.
    ///
    /// - Determinism: sums over images go over a number of partial sums that follows from the sizes alone.
    func backward(
        _ x: ImageSource, _ packed: Tensor, _ images: Int, from dy: ImageSource, into gradients: ConvolutionGradients,
        then stage: Stage? = nil
    ) {
        if let wide {
            backwardByOutputs(wide, x, packed, images, dy, gradients, stage)
        } else {
            backwardByImages(x, packed, images, dy, gradients, stage)
        }
    }

    private func backwardByImages(
        _ x: ImageSource, _ packed: Tensor, _ images: Int, _ dy: ImageSource, _ gradients: ConvolutionGradients,
        _ stage: Stage?
    ) {
        let grain = imagesAtOnce
        let pooled: PooledGradient? = if case .pooled(let gradient) = dy { gradient } else { nil }
        let ways = pooled?.algorithms(for: geometry, engine.kernels)
        let (weightGradient, inputGradient) = (ways?.weight, ways?.input)
        let weightSums = ((weightGradient?.weightSums ?? algorithm.weightSums) + 15) / 16 * 16
        let count = weightSums + (gradients.bias == nil ? 0 : geometry.outputs)
        let partials = max(1, min(parts(images), count > 1 << 17 ? 2 : 8))
        let weights = gradients.input.map { _ in
            inputGradient?.inputGradientWeights(packed, engine)
                ?? gradientAlgorithm.inputGradientWeights(packed, engine)
        }
        let needsOutputs = weightGradient == nil || gradients.input != nil && inputGradient == nil
        engine.withScratch(partials * count) { sums in
            withElements(of: weights) { weights in
                let (sums, dx) = (SharedPointer(sums), gradients.input.map { SharedPointer($0) })
                let weights = weights.map { SharedSource($0) }
                let (hasBias, adds) = (gradients.bias != nil, gradients.addsToInput)
                engine.split(parts(images), parts: partials) { [self] partial, numbers in
                    let sums = sums.base + partial * count
                    sums.update(repeating: 0, count: count)
                    for number in numbers {
                        let part = number * grain..<min((number + 1) * grain, images)
                        let place = dx.map { $0.base + part.lowerBound * geometry.imageCount }
                        if let pooled {
                            if let weightGradient {
                                x.withPart(part, imageCount: geometry.imageCount, engine) {
                                    weightGradient.add($0, pooled, part, sums, engine)
                                }
                            }
                            if let inputGradient, let place, let weights {
                                inputGradient.writeInput(pooled, part, weights.base, place, adds, engine)
                                stage?(part, place)
                            }
                            if hasBias { pooled.addSums(part, sums + weightSums, engine) }
                        }
                        guard needsOutputs else { continue }
                        dy.withPart(part, imageCount: geometry.outputCount, engine) { dy in
                            if inputGradient == nil, let place, let weights {
                                gradientAlgorithm.inputGradient(dy, weights.base, place, part.count, adds, engine)
                                stage?(part, place)
                            }
                            if weightGradient == nil {
                                x.withPart(part, imageCount: geometry.imageCount, engine) { x in
                                    algorithm.addWeightGradient(x, dy, sums, part.count, engine)
                                }
                            }
                            if pooled == nil && hasBias {
                                engine.kernels.rows.sum(
                                    dy, sums + weightSums, part.count * geometry.pixels, geometry.outputs, true)
                            }
                        }
                    }
                }
            }
            for partial in 1..<partials {
                engine.kernels.elementwise.accumulate(sums + partial * count, sums, count)
            }
            let unpack = { (packed: Source) in
                PackedWeights.unpack(packed, gradients.weight, geometry, adds: gradients.addsToWeight, engine)
            }
            if let weightGradient {
                weightGradient.withPackedGradient(sums, engine, unpack)
            } else {
                algorithm.withPackedGradient(sums, engine, unpack)
            }
            guard let db = gradients.bias else { return }
            if gradients.addsToBias {
                engine.kernels.elementwise.accumulate(sums + weightSums, db, geometry.outputs)
            } else {
                db.update(from: sums + weightSums, count: geometry.outputs)
            }
        }
    }

    private func backwardByOutputs(
        _ wide: WideWinograd, _ x: ImageSource, _ weight: Tensor, _ images: Int, _ dy: ImageSource,
        _ gradients: ConvolutionGradients, _ stage: Stage?
    ) {
        dy.withAll(images, imageCount: geometry.outputCount, grain: imagesAtOnce, engine) { dy in
            if let dx = gradients.input {
                weight.withElements { wide.inputGradient(dy, $0, dx, images, gradients.addsToInput, engine) }
                if let stage { show(dx, geometry.imageCount, images, stage) }
            }
            x.withAll(images, imageCount: geometry.imageCount, grain: imagesAtOnce, engine) { x in
                wide.weightGradient(x, dy, gradients.weight, images, gradients.addsToWeight, engine)
            }
            if let db = gradients.bias {
                engine.kernels.rows.sum(dy, db, images * geometry.pixels, geometry.outputs, gradients.addsToBias)
            }
        }
    }

    private func withElements(of tensor: Tensor?, _ body: (Source?) -> Void) {
        guard let tensor else { return body(nil) }
        tensor.withElements(body)
    }
}
