import Glibc

/// Floats that end where memory ends: whoever reads or writes behind them crashes.
public final class GuardedMemory {
    /// The first float.
    public let base: UnsafeMutablePointer<Float>
    private let map: UnsafeMutableRawPointer
    private let size: Int

    /// Zeros; nil when the host has no memory.
    public init?(count: Int) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let used = (4 * count + page - 1) / page * page
        size = used + page
        guard let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            map != MAP_FAILED
        else { return nil }
        self.map = map
        base = (map + (used - 4 * count)).assumingMemoryBound(to: Float.self)
        guard mprotect(map + used, page, PROT_NONE) == 0 else { return nil }
    }

    /// A copy of `elements`; nil when the host has no memory.
    public convenience init?(copying elements: [Float]) {
        self.init(count: elements.count)
        base.update(from: elements, count: elements.count)
    }

    deinit { munmap(map, size) }
}
