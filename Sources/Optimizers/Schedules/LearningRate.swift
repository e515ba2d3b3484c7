/// A run's learning rate: a linear warm-up, then the schedule over the remaining steps.
///
/// The warm-up of `w` steps gives (step + 1) / (w + 1) of the rate, which is PyTorch's
/// `LinearLR(start_factor=1/(w+1), total_iters=w)` before the schedule in a `SequentialLR`.
public struct LearningRate: Sendable {
    let base: Double
    let warmupSteps: Int
    let totalSteps: Int
    let stepsPerEpoch: Int
    let schedule: any Schedule

    /// Makes the rate of a run of `totalSteps` steps, `stepsPerEpoch` in an epoch.
    public init(_ base: Double, _ configuration: ScheduleConfiguration, stepsPerEpoch: Int, totalSteps: Int) {
        self.base = base
        warmupSteps = min(Int((configuration.warmupEpochs * Double(stepsPerEpoch)).rounded()), totalSteps)
        self.totalSteps = totalSteps
        self.stepsPerEpoch = stepsPerEpoch
        schedule = configuration.schedule
    }

    /// The learning rate of step `step`, counted from 0.
    public func at(_ step: Int) -> Double {
        if step < warmupSteps { return base * Double(step + 1) / Double(warmupSteps + 1) }
        return base
            * schedule.factor(
                at: SchedulePosition(
                    step: step - warmupSteps, totalSteps: totalSteps - warmupSteps, stepsPerEpoch: stepsPerEpoch))
    }
}
