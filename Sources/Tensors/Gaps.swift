/// The unused parts of a piece of memory, in the order of their places; no two of them touch.
package struct Gaps {
    /// What is unused.
    package private(set) var ranges: [Range<Int>]

    /// All of `count` places.
    package init(count: Int) { ranges = [0..<count] }

    /// Takes the first `count` places of the smallest gap that holds them; nil when none does.
    package mutating func take(_ count: Int) -> Int? {
        var best: Int?
        for (index, range) in ranges.enumerated() where range.count >= count {
            if let known = best, ranges[known].count <= range.count { continue }
            best = index
        }
        guard let best else { return nil }
        let range = ranges[best]
        if range.count == count {
            ranges.remove(at: best)
        } else {
            ranges[best] = range.lowerBound + count..<range.upperBound
        }
        return range.lowerBound
    }

    /// Gives places back.
    package mutating func put(_ range: Range<Int>) {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].lowerBound < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        let touchesNext = low < ranges.count && ranges[low].lowerBound == range.upperBound
        let touchesPrevious = low > 0 && ranges[low - 1].upperBound == range.lowerBound
        switch (touchesPrevious, touchesNext) {
        case (true, true):
            ranges[low - 1] = ranges[low - 1].lowerBound..<ranges[low].upperBound
            ranges.remove(at: low)
        case (true, false): ranges[low - 1] = ranges[low - 1].lowerBound..<range.upperBound
        case (false, true): ranges[low] = range.lowerBound..<ranges[low].upperBound
        case (false, false): ranges.insert(range, at: low)
        }
    }
}
