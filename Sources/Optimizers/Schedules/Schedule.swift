import Configuration

/// Where a schedule stands: after so many steps since it began, which is after the warm-up.
public struct SchedulePosition: Sendable {
    /// The steps taken since.
    public let step: Int
    /// The steps that the schedule has in all, the rest of the run.
    public let totalSteps: Int
    /// The steps of an epoch.
    public let stepsPerEpoch: Int

    /// Names a position.
    public init(step: Int, totalSteps: Int, stepsPerEpoch: Int) {
        self.step = step
        self.totalSteps = totalSteps
        self.stepsPerEpoch = stepsPerEpoch
    }

    /// The share of the schedule that is over, in [0, 1).
    var progress: Double { Double(step) / Double(max(totalSteps, 1)) }

    /// Epochs as a whole number of steps.
    func steps(ofEpochs epochs: Double) -> Int { Int((epochs * Double(stepsPerEpoch)).rounded()) }
}

/// How the learning rate changes over a run: a pure function of the step.
///
/// A schedule is an entry of the `schedule` section: its stored properties are its keys.
public protocol Schedule: NamedEntry {
    /// The factor of the learning rate at a position.
    func factor(at position: SchedulePosition) -> Double
}

/// What is wrong with the factor of a schedule that falls in steps.
func gammaProblems(_ gamma: Double) -> [(key: String, problem: String)] {
    gamma > 0 && gamma.isFinite ? [] : [("gamma", "must be positive, found \(gamma)")]
}

/// What is wrong with the factor at the end of a schedule.
func endFactorProblems(_ factor: Double) -> [(key: String, problem: String)] {
    factor >= 0 && factor.isFinite ? [] : [("end_factor", "must not be negative, found \(factor)")]
}
