import Threading

/// Learns how long steps take, and from that how long a worker may stand still.
struct ProgressWatch: Sendable {
    private static let remembered = 32
    private static let needed = 3
    private let floor: Duration
    private var steps: [Double] = []

    /// A watch that allows at least `floor`.
    init(floor: Duration) { self.floor = floor }

    /// Takes the seconds of a step.
    mutating func add(_ seconds: Double) {
        steps.append(seconds)
        if steps.count > Self.remembered { steps.removeFirst() }
    }

    /// How long a worker may be in one phase of a step: ten median steps, a median and eight times the median deviation,
    /// or the floor, whatever is longest; ten times the floor until a few steps are known.
    var deadline: Duration {
        guard steps.count >= Self.needed else { return floor * 10 }
        let median = Self.median(steps)
        let deviation = Self.median(steps.map { abs($0 - median) })
        return max(floor, .seconds(max(10 * median, median + 8 * deviation)))
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
