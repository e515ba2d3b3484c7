/// Where a person watches a run.
public protocol RunDisplay: AnyObject {
    /// A line that stays.
    func print(_ line: String)
    /// The state of affairs, in place of the one before.
    func show(_ progress: ProgressLine)
    /// Something that went wrong while the run goes on.
    func warn(_ line: String)
}

/// How far a run is.
public struct ProgressLine: Sendable, Equatable, CustomStringConvertible {
    /// The epoch under way, counted from 1, and all epochs.
    public var epoch, epochs: Int
    /// The step of the epoch, counted from 1, and the epoch's steps.
    public var step, steps: Int
    /// Training throughput over all workers.
    public var imagesPerSecond: Double
    /// Means over the epoch so far.
    public var loss, accuracy: Double
    /// Seconds to the end of the run at this pace; nil while unknown.
    public var remainingSeconds: Double?

    /// Gathers the figures.
    public init(
        epoch: Int, epochs: Int, step: Int, steps: Int, imagesPerSecond: Double, loss: Double, accuracy: Double,
        remainingSeconds: Double? = nil
    ) {
        self.epoch = epoch
        self.epochs = epochs
        self.step = step
        self.steps = steps
        self.imagesPerSecond = imagesPerSecond
        self.loss = loss
        self.accuracy = accuracy
        self.remainingSeconds = remainingSeconds
    }

    /// Share of the epoch that is done.
    public var fraction: Double { Double(step) / Double(max(steps, 1)) }

    /// The line without a bar.
    public var description: String {
        let rate = imagesPerSecond >= 100 ? "\(Int(imagesPerSecond.rounded()))" : Self.fixed(imagesPerSecond, 1)
        let remaining = remainingSeconds.map(Self.clock) ?? "--:--"
        return "epoch \(epoch)/\(epochs)  step \(step)/\(steps)  \(rate) images/s  loss \(Self.fixed(loss, 4))  "
            + "accuracy \(Self.fixed(accuracy, 4))  remaining \(remaining)"
    }

    /// Hours, minutes and seconds.
    public static func clock(_ seconds: Double) -> String {
        let whole = Int(min(max(seconds, 0), 359_999).rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(two(minutes)):\(two(rest))"
    }

    /// A number with a fixed count of decimals.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled < 1e15 else { return "\(value)" }
        let whole = Int(scaled) / Int(scale)
        let digits = String(Int(scaled) % Int(scale))
        let fraction = decimals > 0 ? "." + String(repeating: "0", count: decimals - digits.count) + digits : ""
        return (value < 0 && scaled > 0 ? "-" : "") + "\(whole)\(fraction)"
    }
}
