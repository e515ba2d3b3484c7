import Kernels
import Tensors

/// The gradients of a convolution from those of its outputs, of a few images at a time, each time on the calling thread.
///
/// Weights and bias are summed in memory of the caller, so that each partial sum over images has its own.
final class ConvolutionBackward: Sendable {
    private let geometry: ConvolutionGeometry
    private let algorithm: any ConvolutionAlgorithm
    private let gradientAlgorithm: any InputGradientAlgorithm
    private let engine: Engine
    /// What serves where max pooling follows, if anything does.
    private let pooledWeights: (any PooledWeightGradient)?
    private let winners: WinnerGradients?
    /// Weights for the input's gradient; nil when nobody wants it.
    private let weights: Tensor?
    private let hasBias: Bool
    /// Floats of the sums of the weights, in whole vectors.
    private let weightSums: Int

    /// Floats in which a partial sum is kept, in whole vectors; zero at first.
    var sumCount: Int { weightSums + (hasBias ? (geometry.outputs + 15) / 16 * 16 : 0) }

    /// Prepares the packed weights; `pooling` has the windows of max pooling behind the convolution, if there is any.
    init(
        _ plan: ConvolutionPlan, _ packed: Tensor, pooling: Windows? = nil, hasBias: Bool, wantsInput: Bool,
        _ engine: Engine
    ) {
        geometry = plan.geometry
        algorithm = plan.algorithm
        gradientAlgorithm = plan.gradientAlgorithm
        self.engine = engine
        self.hasBias = hasBias
        let ways = pooling.map { PooledGradient.algorithms(for: plan.geometry, followedBy: $0, engine.kernels) }
        (pooledWeights, winners) = (ways?.weights, ways?.input)
        weightSums = ((pooledWeights?.weightSums ?? algorithm.weightSums) + 15) / 16 * 16
        weights =
            if !wantsInput {
                nil
            } else if let winners {
                winners.inputGradientWeights(packed, engine)
            } else {
                gradientAlgorithm.inputGradientWeights(packed, engine)
            }
    }

    /// Writes the gradient of `count` images, or adds to it, from that of their outputs.
    func writeInput(_ dy: Source, _ count: Int, into dx: Destination, adds: Bool) {
        weights.withElements { weights in
            if let weights { gradientAlgorithm.inputGradient(dy, weights, dx, count, adds, engine) }
        }
    }

    /// Adds the gradients of weights and bias over `count` images to a partial sum.
    func addParameters(_ images: Source, _ dy: Source, _ count: Int, to sums: Destination) {
        algorithm.addWeightGradient(images, dy, sums, count, engine)
        guard hasBias else { return }
        engine.kernels.rows.sum(dy, sums + weightSums, count * geometry.pixels, geometry.outputs, true)
    }

    /// Does both for the gradient that max pooling hands back; the input's goes to `dx`, if there is one.
    func callAsFunction(
        _ images: Source, _ dy: PooledGradient, to sums: Destination, into dx: Destination?, adds: Bool
    ) {
        pooledWeights?.add(images, dy, sums, engine)
        if let winners, let dx {
            weights.withElements { weights in
                if let weights { winners.writeInput(dy, weights, dx, adds, engine) }
            }
        }
        if hasBias { dy.addSums(sums + weightSums, engine) }
        let needsInput = dx != nil && winners == nil
        guard needsInput || pooledWeights == nil else { return }
        engine.withScratch(dy.count * geometry.outputCount) { place in
            dy.spread(place, engine)
            if needsInput, let dx { writeInput(place, dy.count, into: dx, adds: adds) }
            if pooledWeights == nil { algorithm.addWeightGradient(images, place, sums, dy.count, engine) }
        }
    }

    /// Writes the gradients of weights and bias from their sum.
    func finish(_ sums: Source, into gradients: ConvolutionGradients) {
        let unpack = { [geometry, engine] (packed: Source) in
            PackedWeights.unpack(packed, gradients.weight, geometry, adds: gradients.addsToWeight, engine)
        }
        if let pooledWeights {
            pooledWeights.withPackedGradient(sums, engine, unpack)
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
