import Autograd
import Kernels
import Tensors

extension RectifiedChain {
    func backward(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        if links.count == 1, links[0].plan.isWide {
            return backwardWide(gradient, saved, inputs, engine)
        }
        let passes = links.indices.map { index in
            LinkBackward(links[index], saved.links[index], wantsInput: index > 0 || inputs.wants(0), engine)
        }
        let offsets = passes.indices.map { passes[..<$0].reduce(0) { $0 + $1.pass.sumCount } }
        let count = passes.reduce(0) { $0 + $1.pass.sumCount }
        let (images, grain) = (gradient.shape[0], imagesAtOnce)
        inputs.withSink(0) { dx, adds in
            let dx = dx.map { SharedPointer($0) }
            PartialSums(of: count, parts: (images + grain - 1) / grain).run(engine) { parts, sums in
                for number in parts {
                    let part = number * grain..<min((number + 1) * grain, images)
                    let place = dx.map { $0.base + part.lowerBound * links[0].geometry.imageCount }
                    withResultGradient(gradient, part, engine) { dy in
                        var rest = passes[...]
                        goBack(dy, part, &rest, saved, offsets, sums, place, adds: adds, engine)
                    }
                }
            } then: { sums in
                for index in links.indices {
                    inputs.writeConvolution(weight: weightIndex(index), bias: biasIndex(index), input: nil) {
                        passes[index].pass.finish(sums + offsets[index], into: $0)
                    }
                }
            }
        }
    }

    /// Calls `body` with the gradient of what the last link gave for some images.
    private func withResultGradient(
        _ gradient: Tensor, _ images: Range<Int>, _ engine: Engine, _ body: (Source) -> Void
    ) {
        let last = links[links.count - 1]
        gradient.withElements { dy in
            let dy = dy + images.lowerBound * last.resultCount
            guard flattens else { return body(dy) }
            engine.withScratch(images.count * last.resultCount) { place in
                for index in 0..<images.count {
                    let offset = index * last.resultCount
                    engine.kernels.rows.transpose(
                        dy + offset, place + offset, last.geometry.outputs, last.results.output.count, false)
                }
                body(place)
            }
        }
    }

    /// Takes the gradient of some images back through the last of `passes` and those before.
    private func goBack(
        _ dy: Source, _ images: Range<Int>, _ passes: inout ArraySlice<LinkBackward>, _ saved: Saved,
        _ offsets: [Int], _ sums: Destination, _ dx: Destination?, adds: Bool, _ engine: Engine
    ) {
        guard let pass = passes.popLast() else { return }
        let index = passes.endIndex
        let imageCount = links[index].geometry.imageCount
        (index > 0 ? saved.links[index - 1].result : saved.input)?.withElements { input in
            let x = input + images.lowerBound * imageCount
            if index == 0 { return pass(x, dy, images, to: sums, into: dx, adds: adds) }
            engine.withScratch(images.count * imageCount) { place in
                pass(x, dy, images, to: sums + offsets[index], into: place, adds: false)
                goBack(place, images, &passes, saved, offsets, sums, dx, adds: adds, engine)
            }
        }
    }

    private func backwardWide(_ gradient: Tensor, _ saved: Saved, _ inputs: GradientSinks, _ engine: Engine) {
        let link = saved.links[0]
        inputs.writeConvolution(weight: 1, bias: biasIndex(0), input: 0) { gradients in
            let outputs = ImageSource.made { [self] part, place in
                gradient.withElements { dy in
                    links[0].writeOutputGradient(
                        dy + part.lowerBound * links[0].resultCount, link, part, place, engine)
                }
            }
            links[0].plan.backward(
                .tensor(saved.input), link.packedWeights, gradient.shape[0], from: outputs, into: gradients)
        }
    }
}

extension RectifiedChain.Link {
    /// Writes the gradient of what the convolution made of some images, from that of the link's results, `dy`.
    fileprivate func writeOutputGradient(
        _ dy: Source, _ saved: RectifiedChain.SavedLink, _ images: Range<Int>, _ place: Destination, _ engine: Engine
    ) {
        if let taps = saved.taps { return PooledGradient(dy: dy, taps: taps, images: images).spread(place, engine) }
        saved.result?.withElements { y in
            engine.kernels.elementwise.reluGradient(
                y + images.lowerBound * resultCount, dy, place, images.count * resultCount, false)
        }
    }
}

/// The gradients of a link of a chain, of a few images at a time.
private final class LinkBackward: Sendable {
    let pass: ConvolutionBackward
    private let link: RectifiedChain.Link
    private let saved: RectifiedChain.SavedLink
    private let grain: Int
    private let engine: Engine

    init(_ link: RectifiedChain.Link, _ saved: RectifiedChain.SavedLink, wantsInput: Bool, _ engine: Engine) {
        self.link = link
        self.saved = saved
        self.engine = engine
        grain = link.plan.imagesAtOnce
        pass = ConvolutionBackward(
            link.plan, saved.packedWeights, pooling: link.pooling, hasBias: link.hasBias, wantsInput: wantsInput, engine
        )
    }

    /// Adds the parameters' gradients over some images of the batch to `sums`, and writes the gradient of the input to `dx`, if
    /// there is one, or adds to it; the input lies at `x`, and the gradient of the link's results at `dy`.
    func callAsFunction(
        _ x: Source, _ dy: Source, _ images: Range<Int>, to sums: Destination, into dx: Destination?, adds: Bool
    ) {
        images.forEachPart(of: grain) { part in
            let offset = part.lowerBound - images.lowerBound
            let (x, dy) = (x + offset * link.geometry.imageCount, dy + offset * link.resultCount)
            let dx = dx.map { $0 + offset * link.geometry.imageCount }
            if let taps = saved.taps {
                return pass(x, PooledGradient(dy: dy, taps: taps, images: part), to: sums, into: dx, adds: adds)
            }
            engine.withScratch(part.count * link.geometry.outputCount) { place in
                link.writeOutputGradient(dy, saved, part, place, engine)
                if let dx { pass.writeInput(place, part.count, into: dx, adds: adds) }
                pass.addParameters(x, place, part.count, to: sums)
            }
        }
    }
}
