import Autograd
import Kernels
import Tensors

/// How a convolution is computed: by the first algorithm in each direction that serves its sizes, and spread over threads.
///
/// Images go a few at a time, so that what is done to a part's output before and after finds it in the cache. Parts depend
/// on the sizes alone.
struct ConvolutionPlan: Sendable {
    /// Work on a part's outputs, which lie at `outputs`.
    typealias Stage = @Sendable (_ images: Range<Int>, _ outputs: Destination) -> Void
    /// Work that gives the gradient of the outputs of a part, in the scratch that it is given or elsewhere.
    typealias GradientStage = @Sendable (_ images: Range<Int>, _ scratch: Destination) -> Source

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
            algorithm = DirectConvolution.serves(geometry, kernels) ? direct : matrix
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
        _ x: Source, _ packed: Tensor, _ bias: Tensor?, _ images: Int, into y: Destination?, then stage: Stage? = nil
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
        _ x: Source, _ packed: Tensor, _ bias: Source?, _ images: Int, _ y: Destination?, _ stage: Stage?
    ) {
        algorithm.forwardWeights(packed, engine).withElements { weights in
            let (x, weights, bias) = (SharedSource(x), SharedSource(weights), bias.map { SharedSource($0) })
            let y = y.map { SharedPointer($0) }
            engine.split(images, grain: imagesAtOnce) { [self] part in
                let compute = { [self] (target: Destination) in
                    let image = x.base + part.lowerBound * geometry.imageCount
                    if !algorithm.forward(image, weights.base, bias?.base, target, part.count, engine), let bias {
                        engine.kernels.rows.addBias(target, bias.base, part.count * geometry.pixels, geometry.outputs)
                    }
                    stage?(part, target)
                }
                if let y { return compute(y.base + part.lowerBound * geometry.outputCount) }
                engine.withScratch(part.count * geometry.outputCount, compute)
            }
        }
    }

    private func forwardByOutputs(
        _ wide: WideWinograd, _ x: Source, _ packed: Tensor, _ bias: Source?, _ images: Int,
        _ y: Destination?, _ stage: Stage?
    ) {
        guard let y else {
            return engine.withScratch(images * geometry.outputCount) {
                forwardByOutputs(wide, x, packed, bias, images, $0, stage)
            }
        }
        packed.withElements { wide.forward(x, $0, bias, y, images, engine) }
        guard let stage else { return }
        let outputs = SharedPointer(y)
        engine.split(images, grain: imagesAtOnce) { part in
            stage(part, outputs.base + part.lowerBound * geometry.outputCount)
        }
    }

    // MARK: - Backward

    /// Gives input, weight and, if there is one, bias (inputs 0, 1 and 2) their gradients, `gradient` being asked for each
    /// part's output gradient.
    ///
    /// - Determinism: sums over images go over a number of partial sums that follows from the sizes alone.
    func backward(
        _ x: Tensor, _ packed: Tensor, _ inputs: GradientSinks, hasBias: Bool, _ gradient: @escaping GradientStage
    ) {
        let images = x.shape[0]
        x.withElements { x in
            withSink(0, of: inputs) { dx, addsToInput in
                inputs.write(1) { dw, addsToWeights in
                    withSink(hasBias ? 2 : nil, of: inputs) { db, addsToBias in
                        let sinks = Sinks(
                            dx: dx, addsToInput: addsToInput, dw: dw, addsToWeights: addsToWeights, db: db,
                            addsToBias: addsToBias)
                        if let wide {
                            backwardByOutputs(wide, x, packed, images, sinks, gradient)
                        } else {
                            backwardByImages(x, packed, images, sinks, gradient)
                        }
                    }
                }
            }
        }
    }

    /// Where gradients go.
    private struct Sinks {
        let dx: Destination?
        let addsToInput: Bool
        let dw: Destination
        let addsToWeights: Bool
        let db: Destination?
        let addsToBias: Bool
    }

    private func backwardByImages(
        _ x: Source, _ packed: Tensor, _ images: Int, _ sinks: Sinks, _ gradient: @escaping GradientStage
    ) {
        let (parts, grain) = (parts(images), imagesAtOnce)
        let weightSums = (algorithm.weightSums + 15) / 16 * 16
        let count = weightSums + (sinks.db == nil ? 0 : geometry.outputs)
        let partials = max(1, min(parts, count > 1 << 17 ? 2 : 8))
        let weights = sinks.dx == nil ? nil : gradientAlgorithm.inputGradientWeights(packed, engine)
        engine.withScratch(partials * count) { sums in
            withElements(of: weights) { weights in
                let (x, sums, dx) = (SharedSource(x), SharedPointer(sums), sinks.dx.map { SharedPointer($0) })
                let weights = weights.map { SharedSource($0) }
                let (hasBias, adds) = (sinks.db != nil, sinks.addsToInput)
                engine.run(partials) { [self] partial in
                    let sums = sums.base + partial * count
                    sums.update(repeating: 0, count: count)
                    engine.withScratch(min(grain, images) * geometry.outputCount) { scratch in
                        for first in stride(from: partial * grain, to: images, by: partials * grain) {
                            let part = first..<min(first + grain, images)
                            let dy = gradient(part, scratch)
                            if let dx, let weights {
                                gradientAlgorithm.inputGradient(
                                    dy, weights.base, dx.base + first * geometry.imageCount, part.count, adds, engine)
                            }
                            algorithm.addWeightGradient(
                                x.base + first * geometry.imageCount, dy, sums, part.count, engine)
                            if hasBias {
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
            algorithm.withPackedGradient(sums, engine) {
                PackedWeights.unpack($0, sinks.dw, geometry, adds: sinks.addsToWeights, engine)
            }
            if let db = sinks.db {
                if sinks.addsToBias {
                    engine.kernels.elementwise.accumulate(sums + weightSums, db, geometry.outputs)
                } else {
                    db.update(from: sums + weightSums, count: geometry.outputs)
                }
            }
        }
    }

    private func backwardByOutputs(
        _ wide: WideWinograd, _ x: Source, _ weight: Tensor, _ images: Int, _ sinks: Sinks,
        _ gradient: @escaping GradientStage
    ) {
        engine.withScratch(images * geometry.outputCount) { scratch in
            let dy = SharedPointer(scratch)
            engine.split(images, grain: imagesAtOnce) { [self] part in
                let target = dy.base + part.lowerBound * geometry.outputCount
                let source = gradient(part, target)
                if source != UnsafePointer(target) {
                    target.update(from: source, count: part.count * geometry.outputCount)
                }
            }
            weight.withElements { weight in
                if let dx = sinks.dx { wide.inputGradient(dy.base, weight, dx, images, sinks.addsToInput, engine) }
            }
            wide.weightGradient(x, dy.base, sinks.dw, images, sinks.addsToWeights, engine)
            if let db = sinks.db {
                engine.kernels.rows.sum(
                    dy.base, db, images * geometry.pixels, geometry.outputs, sinks.addsToBias)
            }
        }
    }

    /// Calls `body` with the place of an input's gradient, or with nil when there is none that wants one.
    private func withSink(
        _ index: Int?, of inputs: GradientSinks, _ body: (Destination?, _ accumulate: Bool) -> Void
    ) {
        guard let index, inputs.wants(index) else { return body(nil, false) }
        inputs.write(index, body)
    }

    private func withElements(of tensor: Tensor?, _ body: (Source?) -> Void) {
        guard let tensor else { return body(nil) }
        tensor.withElements(body)
    }
}
