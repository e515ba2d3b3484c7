import Autograd
import Kernels
import Tensors

/// Convolutions one after the other, each with batch norm, and each but the last one with ReLU; to the last one's
/// result a residual may be added, and the sum may be rectified.
///
/// Inputs x; for each link its weight and, each if there is one, its bias, batch norm's weight and bias; and the
/// residual. Only what the convolutions make goes to memory and is kept. A part's statistics are taken as it leaves a
/// convolution; it is normalised as it enters the next one, in both directions; and its gradient's sums and the
/// gradient itself are made where the convolutions' backward passes leave and take them. All of that is in the cache.
struct NormalizedChain: Operation {
    /// One convolution with batch norm.
    struct Link: Sendable {
        /// Its name in a profile.
        let path: String
        let geometry: ConvolutionGeometry
        let epsilon: Float
        let record: Normalization.Record
        let hasBias: Bool
        let isAffine: Bool

        var channels: Int { geometry.outputs }
        var parameterCount: Int { 1 + (hasBias ? 1 : 0) + (isAffine ? 2 : 0) }
    }

    let links: [Link]
    let hasResidual: Bool
    let rectifies: Bool
    let times: LayerTimes?

    struct Saved {
        let input: Tensor
        let links: [SavedLink]
        let output: Tensor
    }

    struct SavedLink: Sendable {
        let packedWeights: Tensor
        /// What the convolution made.
        let convolved: Tensor
        let scaling: ChannelScaling
    }

    /// The number of a link's weight among the inputs; its other parameters follow.
    func weightIndex(_ index: Int) -> Int { links[..<index].reduce(1) { $0 + $1.parameterCount } }
    func biasIndex(_ index: Int) -> Int? { links[index].hasBias ? weightIndex(index) + 1 : nil }
    func affineIndex(_ index: Int) -> Int? {
        links[index].isAffine ? weightIndex(index) + (links[index].hasBias ? 2 : 1) : nil
    }
    var residualIndex: Int { weightIndex(links.count) }

    func forward(_ inputs: [Tensor], _ engine: Engine) -> (output: Tensor, saved: Saved) {
        var saved: [SavedLink] = []
        for index in links.indices {
            let source = saved.last.map { normalized($0, links[index - 1].geometry, engine) } ?? .tensor(inputs[0])
            timed(index, \.forward) { saved.append(convolve(index, source, inputs, engine)) }
        }
        let (end, link) = (links.count - 1, links[links.count - 1])
        let shape = link.geometry.windows.outputShape(forBatch: inputs[0].shape, channels: link.channels)
        let output = timed(end, \.forward) {
            engine.tensor(shape) { normalize(saved[end], hasResidual ? inputs[residualIndex] : nil, $0, engine) }
        }
        return (output, Saved(input: inputs[0], links: saved, output: output))
    }

    /// A link's convolution and its moments.
    private func convolve(_ index: Int, _ source: ImageSource, _ inputs: [Tensor], _ engine: Engine) -> SavedLink {
        let (link, geometry, images) = (links[index], links[index].geometry, inputs[0].shape[0])
        let plan = ConvolutionPlan(geometry, engine)
        let packed = plan.packed(inputs[weightIndex(index)])
        let (grain, channels) = (plan.imagesAtOnce, link.channels)
        return engine.withScratch(2 * plan.parts(images) * channels) { scratch in
            let slots = SharedPointer(scratch)
            let convolved = engine.tensor([images, geometry.outputCount]) { z in
                let bias = biasIndex(index).map { inputs[$0] }
                plan.forward(source, packed, bias, images, into: z) { part, place in
                    let slot = slots.base + part.lowerBound / grain * 2 * channels
                    engine.kernels.rows.moments(place, slot, slot + channels, part.count * geometry.pixels, channels)
                }
            }
            let scaling = ChannelScaling(
                moments: scratch, channels: channels, rows: images * geometry.pixels, grain: grain * geometry.pixels,
                epsilon: link.epsilon, weight: affineIndex(index).map { inputs[$0] },
                bias: affineIndex(index).map { inputs[$0 + 1] }, engine, link.record)
            return SavedLink(packedWeights: packed, convolved: convolved, scaling: scaling)
        }
    }

    /// What a link gives to the next one.
    func normalized(_ link: SavedLink, _ geometry: ConvolutionGeometry, _ engine: Engine) -> ImageSource {
        .made { part, place in
            link.convolved.withElements { z in
                link.scaling.normalize(
                    z + part.lowerBound * geometry.outputCount, nil, place, part.count * geometry.pixels,
                    rectifies: true, engine)
            }
        }
    }

    /// The chain's output.
    private func normalize(_ link: SavedLink, _ residual: Tensor?, _ y: Destination, _ engine: Engine) {
        let (channels, scaling, rectifies) = (link.scaling.channels, link.scaling, rectifies)
        link.convolved.withElements { z in
            let (z, y) = (SharedSource(z), SharedPointer(y))
            let pass = { (residual: Source?) in
                let residual = residual.map { SharedSource($0) }
                engine.split(link.convolved.count / channels, grain: rowGrain(channels)) { part in
                    let start = part.lowerBound * channels
                    scaling.normalize(
                        z.base + start, residual.map { $0.base + start }, y.base + start, part.count,
                        rectifies: rectifies, engine)
                }
            }
            if let residual { residual.withElements { pass($0) } } else { pass(nil) }
        }
    }

    func timed<Result>(
        _ index: Int, _ direction: WritableKeyPath<LayerTimes.Entry, Duration>, _ body: () -> Result
    ) -> Result {
        guard let times else { return body() }
        return times.measure(links[index].path, direction, body)
    }
}
