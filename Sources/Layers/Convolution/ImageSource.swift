import Kernels
import Tensors

/// Where the images of a batch come from when a part of them is needed.
enum ImageSource: Sendable {
    /// They lie in memory.
    case tensor(Tensor)
    /// They are written to the place that is given, so that they are used while they are in the cache.
    case made(@Sendable (_ images: Range<Int>, _ place: Destination) -> Void)

    /// Calls `body` with a part of the images, of `imageCount` floats each.
    func withPart(_ part: Range<Int>, imageCount: Int, _ engine: Engine, _ body: (Source) -> Void) {
        switch self {
        case .tensor(let images): images.withElements { body($0 + part.lowerBound * imageCount) }
        case .made(let make):
            engine.withScratch(part.count * imageCount) { place in
                make(part, place)
                body(place)
            }
        }
    }

    /// Calls `body` with all `count` images; threads make `grain` of them at a time.
    func withAll(_ count: Int, imageCount: Int, grain: Int, _ engine: Engine, _ body: (Source) -> Void) {
        switch self {
        case .tensor(let images): images.withElements(body)
        case .made(let make):
            engine.withScratch(count * imageCount) { base in
                let place = SharedPointer(base)
                engine.split(count, grain: grain) { make($0, place.base + $0.lowerBound * imageCount) }
                body(base)
            }
        }
    }
}
