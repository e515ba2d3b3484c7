/// How far a replica has come; part of its state, so it travels with parameters and optimizer.
package struct Place: Codable, Sendable, Equatable {
    /// Applied steps, skipped ones included.
    package var steps = 0
    /// Updates by the optimizer.
    package var updates = 0
    /// Samples in applied steps.
    package var samples = 0
    /// Those of the epoch under way.
    package var epochSamples = 0
    /// Samples of complete epochs that were never applied, and applications beyond the first.
    package var skippedSamples = 0, repeatedSamples = 0

    /// The place before the first step.
    package init() {}

    /// Counts an applied step.
    mutating func apply(samples count: Int) {
        steps += 1
        updates += 1
        samples += count
        epochSamples += count
    }

    /// Counts a step whose gradient was not applied.
    mutating func skip() { steps += 1 }

    /// Compares what was applied in the epoch at its end with the data set.
    mutating func endEpoch(of count: Int) {
        skippedSamples += max(0, count - epochSamples)
        repeatedSamples += max(0, epochSamples - count)
        epochSamples = 0
    }
}
