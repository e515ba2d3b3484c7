import Cluster
import Threading

/// How fast a run goes: over the last seconds for the display, over all for the remaining time.
struct Pace {
    private var start = ContinuousClock.now
    private var steps = 0
    private var recent: ArraySlice<(time: ContinuousClock.Instant, samples: Int)> = []

    mutating func restart() { self = Pace() }

    mutating func add(_ reports: [StepReport]) {
        let now = ContinuousClock.now
        steps += reports.count
        let samples = reports.reduce(0) { $0 + $1.samples }
        recent.append((now, samples))
        while let first = recent.first, recent.count > 2, first.time.duration(to: now) > .seconds(5) {
            recent.removeFirst()
        }
    }

    var samplesPerSecond: Double {
        guard let first = recent.first, let last = recent.last, recent.count > 1 else { return 0 }
        let samples = recent.dropFirst().reduce(0) { $0 + $1.samples }
        return Double(samples) / max(first.time.duration(to: last.time).seconds, 1e-9)
    }

    func remaining(steps left: Int) -> Double? {
        steps < 3 ? nil : start.duration(to: .now).seconds / Double(steps) * Double(left)
    }
}
