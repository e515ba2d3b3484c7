import Kernels
import Tensors

/// Where the images of a batch come from when a part of them is needed.
enum ImageSource: Sendable {
    /// They lie in memory.
    case tensor(Tensor)
    /// They are written to the place that is given, so that they are used while they are in the cache.
    case made(@Sendable (_ images: Range<Int>, _ place: Destination) -> Void)
    /// They are gradients that went through max pooling, zero but for the winners.
    case pooled(PooledGradient)

    /// Calls `body` with a part of the images, of `imageCount` floats each.
    func withPart(_ part: Range<Int>, imageCount: Int, _ engine: Engine, _ body: (Source) -> Void) {
        if case .tensor(let images) = self {
            return images.withElements { body($0 + part.lowerBound * imageCount) }
        }
        engine.withScratch(part.count * imageCount) { place in
            make(part, place, engine)
            body(place)
        }
    }

    /// Calls `body` with all `count` images; threads make `grain` of them at a time.
    func withAll(_ count: Int, imageCount: Int, grain: Int, _ engine: Engine, _ body: (Source) -> Void) {
        if case .tensor(let images) = self { return images.withElements(body) }
        engine.withScratch(count * imageCount) { base in
            let place = SharedPointer(base)
            engine.split(count, grain: grain) { make($0, place.base + $0.lowerBound * imageCount, engine) }
            body(base)
        }
    }

    /// Writes images that do not lie in memory.
    private func make(_ images: Range<Int>, _ place: Destination, _ engine: Engine) {
        switch self {
        case .tensor: return
        case .made(let make): make(images, place)
        case .pooled(let gradient): gradient.spread(images, place, engine)
        }
    }
}
