import Kernels
import Tensors

/// How a convolution is computed: by the first algorithm in each direction that serves its sizes, and spread over threads.
///
/// Images go a few at a time, so that what is done to a part's output before and after finds it in the cache. Parts depend
/// on the sizes alone.
struct ConvolutionPlan: Sendable {
    /// Work on what has been computed for a part of the images, which lies at `place`.
    typealias Stage = @Sendable (_ images: Range<Int>, _ place: Destination) -> Void

    let geometry: ConvolutionGeometry
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

    /// Whether threads take outputs, not images.
    var isWide: Bool { wide != nil }

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
        if let wide {
            bias.withElements { forwardByOutputs(wide, x, packed, $0, images, y, stage) }
        } else {
            forwardByImages(x, packed, bias, images, y, stage)
        }
    }

    private func forwardByImages(
        _ x: ImageSource, _ packed: Tensor, _ bias: Tensor?, _ images: Int, _ y: Destination?, _ stage: Stage?
    ) {
        let (pass, y) = (ConvolutionForward(geometry, algorithm, packed, bias, engine), y.map { SharedPointer($0) })
        engine.split(images, grain: imagesAtOnce) { [self] part in
            x.withPart(part, imageCount: geometry.imageCount, engine) { x in
                let compute = { (target: Destination) in
                    pass(x, part.count, into: target)
                    stage?(part, target)
                }
                if let y { return compute(y.base + part.lowerBound * geometry.outputCount) }
                engine.withScratch(part.count * geometry.outputCount, compute)
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
        let pass = ConvolutionBackward(
            self, packed, hasBias: gradients.bias != nil, wantsInput: gradients.input != nil, engine)
        let (grain, dx, adds) = (imagesAtOnce, gradients.input.map { SharedPointer($0) }, gradients.addsToInput)
        PartialSums(of: pass.sumCount, parts: parts(images)).run(engine) { [self] numbers, sums in
            for number in numbers {
                let part = number * grain..<min((number + 1) * grain, images)
                dy.withPart(part, imageCount: geometry.outputCount, engine) { dy in
                    if let dx {
                        let place = dx.base + part.lowerBound * geometry.imageCount
                        pass.writeInput(dy, part.count, into: place, adds: adds)
                        stage?(part, place)
                    }
                    x.withPart(part, imageCount: geometry.imageCount, engine) { x in
                        pass.addParameters(x, dy, part.count, to: sums)
                    }
                }
            }
        } then: {
            pass.finish($0, into: gradients)
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
}
