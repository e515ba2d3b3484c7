import Configuration

/// How the learning rate changes over a run: a pure function of the step.
public protocol Schedule: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// Makes the schedule.
    init(_ configuration: ScheduleConfiguration)

    /// The factor of the learning rate at `step` of `total`, warm-up left out.
    func factor(step: Int, of total: Int) -> Double
}

/// The `schedule` section of a configuration.
public struct ScheduleConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// The schedule after the warm-up.
    public var name = "cosine"
    /// Epochs over which the learning rate rises linearly before.
    public var warmupEpochs: Double = 0

    enum CodingKeys: String, CodingKey {
        case name
        case warmupEpochs = "warmup_epochs"
    }

    /// The defaults.
    public init() {}

    /// Impossible values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var found: [(key: String, problem: String)] = []
        if !ScheduleCatalog.all.contains(where: { $0.name == name }) {
            let error = UnknownName(kind: "schedule", name: name, known: ScheduleCatalog.all.map { $0.name })
            found.append(("name", "names an \(error)"))
        }
        if !(warmupEpochs >= 0) { found.append(("warmup_epochs", "must not be negative, found \(warmupEpochs)")) }
        return found
    }
}

/// The schedules that a configuration can name.
public enum ScheduleCatalog {
    /// All of them.
    public static let all: [any Schedule.Type] = [ConstantSchedule.self, CosineSchedule.self]
}

/// A run's learning rate: a linear warm-up, then the schedule over the remaining steps.
///
/// The warm-up of `w` steps gives (step + 1) / (w + 1) of the rate, which is PyTorch's
/// `LinearLR(start_factor=1/(w+1), total_iters=w)` before the schedule in a `SequentialLR`.
public struct LearningRate: Sendable {
    let base: Float
    let warmupSteps: Int
    let totalSteps: Int
    let schedule: any Schedule

    /// Makes the rate of a run of `totalSteps` steps, `stepsPerEpoch` in an epoch.
    ///
    /// - Throws: `UnknownName` when there is no schedule of the configured name.
    public init(
        _ base: Float, _ configuration: ScheduleConfiguration, stepsPerEpoch: Int, totalSteps: Int
    ) throws(UnknownName) {
        guard let type = ScheduleCatalog.all.first(where: { $0.name == configuration.name }) else {
            throw UnknownName(
                kind: "schedule", name: configuration.name, known: ScheduleCatalog.all.map { $0.name })
        }
        self.base = base
        warmupSteps = min(Int((configuration.warmupEpochs * Double(stepsPerEpoch)).rounded()), totalSteps)
        self.totalSteps = totalSteps
        schedule = type.init(configuration)
    }

    /// The learning rate of step `step`, counted from 0.
    public func at(_ step: Int) -> Float {
        if step < warmupSteps { return Float(Double(base) * Double(step + 1) / Double(warmupSteps + 1)) }
        return Float(Double(base) * schedule.factor(step: step - warmupSteps, of: totalSteps - warmupSteps))
    }
}
