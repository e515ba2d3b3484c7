import Autograd
import Kernels
import Tensors

/// Convolutions one after the other, each with ReLU and perhaps with max pooling behind it, and perhaps a flattening at
/// the end.
///
/// Inputs x, and for each link its weight and, if there is one, its bias. A few images pass all links before the next few
/// begin, in both directions, so each link finds them in the cache where the one before left them. What the links give and
/// the winners of their windows is kept; what the convolutions make is not.
struct RectifiedChain: Operation {
    /// A convolution, ReLU and perhaps max pooling.
    struct Link: Sendable {
        let plan: ConvolutionPlan
        let pooling: Windows?
        let hasBias: Bool

        var geometry: ConvolutionGeometry { plan.geometry }
        /// The windows of which each gives a pixel of the link's result.
        var results: Windows { pooling ?? geometry.windows }
        /// Floats of the result of an image.
        var resultCount: Int { results.output.count * geometry.outputs }
        var parameterCount: Int { hasBias ? 2 : 1 }
    }

    let links: [Link]
    /// Whether the result is flattened here.
    let flattens: Bool

    /// A chain that flattens its result if it is asked to and can: what the last link gives must not be needed again.
    init(links: [Link], flattens: Bool) {
        self.links = links
        let last = links[links.count - 1]
        self.flattens = flattens && last.pooling != nil && !last.plan.isWide
    }

    struct Saved {
        let input: Tensor
        let links: [SavedLink]
    }

    struct SavedLink: Sendable {
        let packedWeights: Tensor
        /// What the link gives; nil when it is flattened and nobody reads it again.
        let result: Tensor?
        /// The winners, if the link pools.
        let taps: WinningTaps?
    }

    /// The number of a link's weight among the inputs.
    func weightIndex(_ index: Int) -> Int { links[..<index].reduce(1) { $0 + $1.parameterCount } }
    /// The number of a link's bias, if it has one.
    func biasIndex(_ index: Int) -> Int? { links[index].hasBias ? weightIndex(index) + 1 : nil }

    /// Which neighbours are computed together: as many as have gradients whose sums stay in the cache beside the images,
    /// and those alone whose threads take outputs, not images.
    static func runs(of links: [Link]) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var sums = 0
        for (index, link) in links.enumerated() {
            let count = link.plan.isWide ? PartialSums.mostElements : link.plan.algorithm.weightSums
            if let run = runs.last, sums + count <= PartialSums.mostElements {
                runs[runs.count - 1] = run.lowerBound..<index + 1
                sums += count
            } else {
                runs.append(index..<index + 1)
                sums = count
            }
        }
        return runs
    }

    /// Images that pass all links before the next ones do.
    var imagesAtOnce: Int { links.map(\.plan.imagesAtOnce).max() ?? 1 }

    // MARK: - Forward

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        let images = inputs[0].shape[0]
        var shape = inputs[0].shape
        var (saved, passes, places): ([SavedLink], [LinkForward], [SharedPointer<Float>?]) = ([], [], [])
        for (index, link) in links.enumerated() {
            shape = link.results.outputShape(forBatch: shape, channels: link.geometry.outputs)
            let result = flattens && index == links.count - 1 ? nil : engine.unwritten(shape)
            let pass = LinkForward(
                link, inputs[weightIndex(index)], biasIndex(index).map { inputs[$0] }, images: images, engine)
            saved.append(SavedLink(packedWeights: pass.packedWeights, result: result?.tensor, taps: pass.taps))
            passes.append(pass)
            places.append(result?.place)
        }
        let chain = Saved(input: inputs[0], links: saved)
        if let result = saved[saved.count - 1].result {
            run(passes, chain, places, nil, images, engine)
            return (result, chain)
        }
        let output = engine.tensor([images, links[links.count - 1].resultCount]) {
            run(passes, chain, places, SharedPointer($0), images, engine)
        }
        return (output, chain)
    }

    /// Takes all images through all links; those without a place give to scratch, from where they are flattened.
    private func run(
        _ passes: [LinkForward], _ saved: Saved, _ places: [SharedPointer<Float>?], _ flat: SharedPointer<Float>?,
        _ images: Int, _ engine: Engine
    ) {
        if passes.count == 1, let place = places[0], links[0].plan.isWide {
            return passes[0].runWide(saved.input, images, into: place)
        }
        saved.input.withElements { input in
            let input = SharedSource(input)
            engine.split(images, grain: imagesAtOnce) { part in
                var x = input.base + part.lowerBound * links[0].geometry.imageCount
                for (pass, place) in zip(passes, places) {
                    let count = pass.link.resultCount
                    if let place {
                        let result = place.base + part.lowerBound * count
                        pass(x, part, into: result)
                        x = Source(result)
                    } else if let flat {
                        engine.withScratch(part.count * count) { result in
                            pass(x, part, into: result)
                            for (index, image) in part.enumerated() {
                                engine.kernels.rows.transpose(
                                    result + index * count, flat.base + image * count, pass.link.results.output.count,
                                    pass.link.geometry.outputs, false)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a link of a chain makes of a few images at a time.
private final class LinkForward: Sendable {
    let link: RectifiedChain.Link
    let packedWeights: Tensor
    let taps: WinningTaps?
    private let bias: Tensor?
    /// Nil when threads take outputs, not images.
    private let pass: ConvolutionForward?
    private let engine: Engine

    init(_ link: RectifiedChain.Link, _ weight: Tensor, _ bias: Tensor?, images: Int, _ engine: Engine) {
        self.link = link
        self.bias = bias
        self.engine = engine
        packedWeights = link.plan.packed(weight)
        taps = link.pooling.map { WinningTaps(of: $0, images: images, engine) }
        pass =
            link.plan.isWide
            ? nil : ConvolutionForward(link.geometry, link.plan.algorithm, packedWeights, bias, engine)
    }

    /// Writes the results of some images of the batch, which lie at `x`, to `y`.
    func callAsFunction(_ x: Source, _ images: Range<Int>, into y: Destination) {
        images.forEachPart(of: link.plan.imagesAtOnce) { part in
            let offset = part.lowerBound - images.lowerBound
            let (x, y) = (x + offset * link.geometry.imageCount, y + offset * link.resultCount)
            let compute = { [self] (place: Destination) in
                pass?(x, part.count, into: place)
                rectify(place, part, into: y)
            }
            if taps == nil { compute(y) } else { engine.withScratch(part.count * link.geometry.outputCount, compute) }
        }
    }

    /// Writes the results of all images.
    func runWide(_ input: Tensor, _ images: Int, into y: SharedPointer<Float>) {
        link.plan.forward(.tensor(input), packedWeights, bias, images, into: taps == nil ? y.base : nil) {
            [self] part, place in
            rectify(place, part, into: y.base + part.lowerBound * link.resultCount)
        }
    }

    /// Rectifies and pools what the convolution made of some images.
    private func rectify(_ convolved: Destination, _ images: Range<Int>, into y: Destination) {
        guard let taps else {
            return engine.kernels.elementwise.relu(convolved, y, images.count * link.geometry.outputCount)
        }
        for (index, image) in images.enumerated() {
            engine.kernels.pooling.maximum(
                convolved + index * link.geometry.outputCount, y + index * link.resultCount, taps[image], taps.windows,
                true)
        }
    }
}

extension Range<Int> {
    /// Calls `body` with neighbouring parts of up to `grain`, from the first on.
    func forEachPart(of grain: Int, _ body: (Range<Int>) -> Void) {
        for start in stride(from: lowerBound, to: upperBound, by: grain) {
            body(start..<Swift.min(start + grain, upperBound))
        }
    }
}
