import Kernels
import Tensors

/// Partial sums over the parts of a batch.
///
/// - Determinism: their number follows from the sizes alone.
struct PartialSums {
    /// Floats of one.
    let count: Int
    private let partials: Int
    private let parts: Int

    /// The most floats that are summed eight times; more would not stay in the cache.
    static let mostElements = 1 << 17

    /// Sums of `count` floats over `parts` parts.
    init(of count: Int, parts: Int) {
        self.count = count
        self.parts = parts
        partials = max(1, min(parts, count > Self.mostElements ? 2 : 8))
    }

    /// Has `add` sum over neighbouring parts, spread over threads, from zero on, and shows `body` the sum of all.
    func run(
        _ engine: Engine, _ add: @escaping @Sendable (_ parts: Range<Int>, _ sums: Destination) -> Void,
        then body: (Source) -> Void
    ) {
        engine.withScratch(partials * count) { scratch in
            let (base, count) = (SharedPointer(scratch), count)
            engine.split(parts, parts: partials) { partial, parts in
                let sums = base.base + partial * count
                sums.update(repeating: 0, count: count)
                add(parts, sums)
            }
            for partial in 1..<partials {
                engine.kernels.elementwise.accumulate(scratch + partial * count, scratch, count)
            }
            body(scratch)
        }
    }
}
