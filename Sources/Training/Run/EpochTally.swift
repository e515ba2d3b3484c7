import Cluster

/// Sums over the steps of an epoch.
struct EpochTally {
    var steps = 0
    var samples = 0
    var seconds = 0.0
    private var lossSum = 0.0
    private var lossWeight = 0.0
    private var correct = 0

    var meanLoss: Double? { samples == 0 ? nil : lossWeight > 0 ? lossSum / lossWeight : 0 }
    var accuracy: Double { samples == 0 ? 0 : Double(correct) / Double(samples) }

    mutating func add(_ report: StepReport) {
        steps += 1
        samples += report.samples
        seconds += report.seconds
        lossSum += report.lossSum
        lossWeight += report.lossWeight
        correct += report.correct
    }
}
