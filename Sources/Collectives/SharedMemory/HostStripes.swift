import Messaging

/// How the workers of a host divide blocks where sums take the place of partial sums: each sums stripes of whole pages into
/// memory of its own, and helps the others when it is done.
///
/// What a core writes again and again stays in its cache if no other has read it. So each stripe has one owner, in whose
/// block the sum lies, and stripes take turns, so that all have their share of any range.
struct HostStripes: Hashable, Sendable {
    /// Elements of a stripe.
    let width: Int
    private let elements: Int
    private let workers: Int

    /// Cuts blocks of so many elements.
    init(of elements: Int, workers: Int) {
        // Enough stripes that others can help with the last ones, each worth the taking, and not too many to map.
        let most = max(64 * TreeSum.block, elements / 8192)
        let width = min(max(elements / (8 * workers), 4 * TreeSum.block), most)
        let unit = max(TreeSum.block, SharedRegion.pageBytes / 4)
        self.width = (width + unit - 1) / unit * unit
        self.elements = elements
        self.workers = workers
    }

    /// The numbers of all stripes; the last may reach beyond the elements.
    var all: Range<Int> { 0..<(elements + width - 1) / width }

    /// The elements of a stripe.
    func elements(of number: Int) -> Range<Int> { number * width..<(number + 1) * width }

    /// Whose stripe it is.
    func owner(of number: Int) -> Int { number % workers }

    /// The stripes of `worker` that have elements in `range`: the number of the first, and how many there are, each as many
    /// numbers further as there are workers.
    func share(of worker: Int, in range: Range<Int>) -> (first: Int, count: Int) {
        guard !range.isEmpty else { return (worker, 0) }
        let start = range.lowerBound / width
        let first = start + (worker - start % workers + workers) % workers
        let end = (range.upperBound - 1) / width + 1
        return (first, first < end ? (end - first + workers - 1) / workers : 0)
    }
}
