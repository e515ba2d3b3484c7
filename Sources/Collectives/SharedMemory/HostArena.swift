import Messaging

/// The memory that the workers of one host share while a generation lasts.
///
/// It holds what they tell each other (counters, and where partial sums lie), slots through which small sums pass, each
/// worker's blocks of gradients, and the results. Offsets follow from the layout, which all compute alike.
final class HostArena: @unchecked Sendable {  // `HostSum` and `SlotSum` say who touches what when.
    /// What the memory must have room for.
    struct Layout: Hashable, Sendable {
        /// The floats of a block.
        let elements: Int
        /// For each worker of the host, how many blocks of gradients it has open at the same time.
        let blocks: [Int]
        /// How many results there are; none where sums take the place of partial sums.
        let results: Int

        /// Rounded up to pages: blocks of different workers never share one.
        var blockBytes: Int { Self.wholePages(max(elements, 1) * 4) }
        /// Where the slots begin, behind the counters of the host and of each worker.
        var slotsOffset: Int { Self.wholePages(3 * SharedCounter.size + blocks.count * HostArena.memberBytes) }
        var blocksOffset: Int { slotsOffset + 2 * blocks.count * HostArena.slotBytes }
        var resultsOffset: Int { blocksOffset + blocks.reduce(0, +) * blockBytes }
        var byteCount: Int { resultsOffset + results * blockBytes }
        /// Who sums what, where sums take the place of partial sums.
        var stripes: HostStripes { HostStripes(of: max(elements, 1), workers: blocks.count) }

        /// Where block number `block` of worker `index` begins.
        func blockOffset(_ block: Int, of index: Int) -> Int {
            blocksOffset + (blocks[..<index].reduce(0, +) + block) * blockBytes
        }

        private static func wholePages(_ bytes: Int) -> Int {
            (bytes + SharedRegion.pageBytes - 1) / SharedRegion.pageBytes * SharedRegion.pageBytes
        }
    }

    /// The bytes of a slot: partial sums of up to this size pass through slots.
    static let slotBytes = 64 << 10
    /// The most partial sums that a worker brings.
    static let maximumNodes = 64
    private static let memberBytes = 4 * SharedCounter.size + SharedLoop.size + maximumNodes * 8

    let region: SharedRegion
    let layout: Layout
    /// How many parts have been summed, over all sums.
    let summed: SharedCounter
    /// The last sum whose result is there; moved by the worker that speaks to other hosts.
    let released: SharedCounter
    /// The parts of the sum under way.
    let parts: SharedLoop
    /// Where sums take the place of partial sums, those of either turn, put together from everybody's stripes.
    private let views: [SharedView]

    /// Lays out `region`, which must be large enough and have its door open.
    ///
    /// - Throws: `TransportError.system` when the system has no room for views of it.
    init(_ region: SharedRegion, _ layout: Layout) throws(TransportError) {
        precondition(region.offer.count >= layout.byteCount, "the region is too small for its layout")
        self.region = region
        self.layout = layout
        summed = SharedCounter(at: region.base)
        released = SharedCounter(at: region.base + SharedCounter.size)
        parts = SharedLoop(at: region.base + 2 * SharedCounter.size)
        guard layout.results == 0 else {
            views = []
            return
        }
        let stripes = layout.stripes
        views = try (0..<2).map { turn throws(TransportError) in
            try region.view(
                stripes.all.map { number in
                    let start = layout.blockOffset(turn, of: stripes.owner(of: number))
                    let elements = stripes.elements(of: number)
                    let end = min(elements.upperBound * 4, layout.blockBytes)
                    return start + elements.lowerBound * 4..<start + end
                })
        }
    }

    private func member(_ index: Int) -> UnsafeMutableRawPointer {
        region.base + 3 * SharedCounter.size + index * Self.memberBytes
    }

    /// The last sum that worker `index` has brought its partial sums to.
    func arrived(_ index: Int) -> SharedCounter { SharedCounter(at: member(index)) }

    /// The last sum of which worker `index` found no part left to do.
    func worked(_ index: Int) -> SharedCounter { SharedCounter(at: member(index) + SharedCounter.size) }

    /// 1 once worker `index` has the memory open.
    func joined(_ index: Int) -> SharedCounter { SharedCounter(at: member(index) + 2 * SharedCounter.size) }

    /// The last sum through slots for which worker `index` has filled its own.
    func handed(_ index: Int) -> SharedCounter { SharedCounter(at: member(index) + 3 * SharedCounter.size) }

    /// The stripes of the sum under way that worker `index` begins with.
    func stripes(_ index: Int) -> SharedLoop { SharedLoop(at: member(index) + 4 * SharedCounter.size) }

    /// Where worker `index` says at which bytes of the region its partial sums lie.
    func offsets(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        (member(index) + 4 * SharedCounter.size + SharedLoop.size)
            .bindMemory(to: UInt64.self, capacity: Self.maximumNodes)
    }

    /// One of the two slots of worker `index`, which take turns.
    func slot(_ index: Int, turn: Int) -> UnsafeMutableRawPointer {
        region.base + layout.slotsOffset + (turn * layout.blocks.count + index) * Self.slotBytes
    }

    /// Block number `block` of worker `index`.
    func block(_ block: Int, of index: Int) -> UnsafeMutablePointer<Float> {
        (region.base + layout.blockOffset(block, of: index))
            .bindMemory(to: Float.self, capacity: layout.elements)
    }

    /// The sums of a turn, where they take the place of partial sums.
    func view(turn: Int) -> UnsafeMutablePointer<Float> {
        views[turn].base.bindMemory(to: Float.self, capacity: layout.elements)
    }

    /// Result number `result`.
    func result(_ result: Int) -> UnsafeMutablePointer<Float> {
        (region.base + layout.resultsOffset + result * layout.blockBytes)
            .bindMemory(to: Float.self, capacity: layout.elements)
    }
}
